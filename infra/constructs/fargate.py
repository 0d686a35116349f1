"""The Fargate pool: a service whose tasks run ``tidewheel worker``, as many as the backlog asks for."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from aws_cdk import Duration, Stack
from aws_cdk import aws_applicationautoscaling as scaling
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_ecr_assets as ecr_assets
from aws_cdk import aws_ecs as ecs
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from infra import nag
from infra.config import Config
from infra.constructs.logs import log_group
from tidewheel import names

ROOT = Path(__file__).parents[2]
STOP_TIMEOUT = Duration.seconds(120)
"""The longest that Fargate allows; the worker's drain and hand-over end before (``limits.DRAIN_MS``)."""
SLOTS = 16
"""Attempts that one task runs side by side."""
BACKLOG_PER_TASK = SLOTS
"""So many messages may wait or be in flight for each running task: as many as it has slots. Long attempts count as long
as they go on, so that tasks which are busy are not taken for idle ones."""
ALIVE_FILE = "/tmp/tidewheel-alive"  # noqa: S108 - in a container of its own
ALIVE_MINUTES = 2
"""The worker touches the file every ten seconds. What is older than this stands still."""
CPU, MEMORY_MIB = 512, 1024
LEFT_OUT = [
    *("*", "!pyproject.toml", "!uv.lock", "!README.md", "!shared", "!infra"),
    *("shared/docs", "shared/README.md", "infra/*", "!infra/Dockerfile", "**/__pycache__"),
]
"""Of the repository; the image's digest, and so a new deployment of the tasks, follows from the rest."""
_MESSAGES = {"waiting": "ApproximateNumberOfMessagesVisible", "held": "ApproximateNumberOfMessagesNotVisible"}
_Policy = scaling.CfnScalingPolicy
_Query = _Policy.TargetTrackingMetricDataQueryProperty
ROLE = f"worker-{names.FARGATE_POOL}"


class FargatePool(Construct):
    """The cluster, the service and its scaling. A task may do nothing until it is allowed to.

    Without a VPC given it makes a small one of two public subnets: a task calls targets on the internet, and a NAT
    gateway in each zone would cost more than the tasks. No port of a task is open to anyone.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        config: Config,
        queues: Mapping[names.Route, sqs.Queue],
        environment: Mapping[str, str],
    ) -> None:
        super().__init__(scope, id)
        vpc, subnets = self._network(config)
        cluster = ecs.Cluster(
            self,
            "Cluster",
            cluster_name=config.physical("workers"),
            vpc=vpc,
            container_insights_v2=ecs.ContainerInsights.ENABLED,  # counts the running tasks, by which it scales
        )
        providers = ecs.CfnClusterCapacityProviderAssociations(
            self,
            "Providers",
            cluster=cluster.cluster_name,
            capacity_providers=["FARGATE", "FARGATE_SPOT"],
            default_capacity_provider_strategy=[],
        )
        self._role = iam.Role(self, "Role", assumed_by=iam.ServicePrincipal("ecs-tasks.amazonaws.com"))
        task = self._task(config, environment)
        self.service = self._service(config, cluster, task, subnets)
        # or it is made before the cluster has them, and goes when they are in use still
        self.service.node.add_dependency(providers)
        self._allow_protection(cluster)
        self._scale(config, queues, cluster)

    def allow(self, actions: list[str], *resources: str) -> None:
        """Allows a task these actions on exactly these resources."""
        self._role.add_to_policy(iam.PolicyStatement(actions=actions, resources=list(resources)))

    def acknowledge_pattern(self, pattern: str, reason: str) -> None:
        """Says why one permission of a task is a pattern."""
        nag.acknowledge_pattern(self._role, pattern, reason)

    def _allow_protection(self, cluster: ecs.Cluster) -> None:
        """A task protects itself while it holds work; the agent calls with its role (Amazon ECS, "Task scale-in
        protection endpoint").
        """
        task = Stack.of(self).format_arn(service="ecs", resource="task", resource_name=f"{cluster.cluster_name}/*")
        self.allow(["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"], task)
        self.acknowledge_pattern(
            task, "A task's id is known once it runs; the pattern holds the tasks of this cluster."
        )

    def _network(self, config: Config) -> tuple[ec2.IVpc, ec2.SubnetSelection]:
        if config.fargate_vpc:
            given = [ec2.Subnet.from_subnet_id(self, id, id) for id in config.fargate_subnets]
            zones = [f"zone-{index}" for index, _ in enumerate(given)]  # nobody asks for them
            vpc = ec2.Vpc.from_vpc_attributes(self, "Vpc", vpc_id=config.fargate_vpc, availability_zones=zones)
            return vpc, ec2.SubnetSelection(subnets=given)
        public = ec2.SubnetConfiguration(name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=24)
        made = ec2.Vpc(
            self,
            "Vpc",
            max_azs=2,
            nat_gateways=0,
            subnet_configuration=[public],
            restrict_default_security_group=False,  # would take a function of its own; nothing is put into that group
        )
        nag.acknowledge(made, "VPC7", "Nobody connects to a task, and what it calls is on record with each execution.")
        return made, ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC)

    def _task(self, config: Config, environment: Mapping[str, str]) -> ecs.FargateTaskDefinition:
        task = ecs.FargateTaskDefinition(
            self,
            "Task",
            family=config.physical(ROLE),
            cpu=CPU,
            memory_limit_mib=MEMORY_MIB,
            task_role=self._role,
            runtime_platform=ecs.RuntimePlatform(
                cpu_architecture=ecs.CpuArchitecture.ARM64, operating_system_family=ecs.OperatingSystemFamily.LINUX
            ),
        )
        image = ecs.ContainerImage.from_asset(
            str(ROOT),
            file="infra/Dockerfile",
            exclude=LEFT_OUT,
            platform=ecr_assets.Platform.LINUX_ARM64,
        )
        task.add_container(
            "Worker",
            image=image,
            command=["--pool", names.FARGATE_POOL, "--concurrency", str(SLOTS)],
            environment={
                **environment,
                "AWS_DEFAULT_REGION": Stack.of(self).region,
                names.Env.ALIVE_FILE: ALIVE_FILE,
            },
            health_check=ecs.HealthCheck(
                command=["CMD-SHELL", f'test -n "$(find {ALIVE_FILE} -mmin -{ALIVE_MINUTES})"'],
                interval=Duration.seconds(30),
                timeout=Duration.seconds(10),
                retries=3,
                start_period=Duration.seconds(60),
            ),
            stop_timeout=STOP_TIMEOUT,
            readonly_root_filesystem=False,  # commands of jobs may write
            logging=ecs.LogDrivers.aws_logs(
                stream_prefix="worker", log_group=log_group(self, "Logs", f"/aws/ecs/{config.physical(ROLE)}")
            ),
        )
        nag.acknowledge(task, "ECS2", "What the environment holds are names, none of them secret.")
        reason = "ECR gives its token for the whole account (GetAuthorizationToken)."
        nag.acknowledge_pattern(task.obtain_execution_role(), "*", reason)
        return task

    def _service(
        self, config: Config, cluster: ecs.Cluster, task: ecs.FargateTaskDefinition, subnets: ec2.SubnetSelection
    ) -> ecs.FargateService:
        """The first tasks are on demand; of those beyond, three of four are Spot.

        A task that AWS takes back hands its attempts over as at any other end, protected or not.
        """
        outgoing = ec2.SecurityGroup(
            self, "Outgoing", vpc=cluster.vpc, description="Tidewheel workers: nothing comes in"
        )
        return ecs.FargateService(
            self,
            "Service",
            service_name=config.physical(ROLE),
            cluster=cluster,
            task_definition=task,
            assign_public_ip=config.fargate_public,
            vpc_subnets=subnets,
            security_groups=[outgoing],
            min_healthy_percent=100,
            max_healthy_percent=200,
            circuit_breaker=ecs.DeploymentCircuitBreaker(rollback=True),
            capacity_provider_strategies=[
                ecs.CapacityProviderStrategy(capacity_provider="FARGATE", base=config.fargate_base, weight=1),
                ecs.CapacityProviderStrategy(capacity_provider="FARGATE_SPOT", weight=3),
            ],
        )

    def _scale(self, config: Config, queues: Mapping[names.Route, sqs.Queue], cluster: ecs.Cluster) -> None:
        """By the messages for each task, which is a formula: the CDK's own construct takes a metric alone."""
        least, most = config.fargate_tasks
        tasks = scaling.ScalableTarget(
            self,
            "Tasks",
            service_namespace=scaling.ServiceNamespace.ECS,
            scalable_dimension="ecs:service:DesiredCount",
            resource_id=f"service/{cluster.cluster_name}/{self.service.service_name}",
            min_capacity=least,
            max_capacity=most,
        )
        scaling.CfnScalingPolicy(
            self,
            "Backlog",
            policy_name=config.physical("backlog"),
            policy_type="TargetTrackingScaling",
            scaling_target_id=tasks.scalable_target_id,
            target_tracking_scaling_policy_configuration=_Policy.TargetTrackingScalingPolicyConfigurationProperty(
                target_value=BACKLOG_PER_TASK,
                scale_out_cooldown=60,
                scale_in_cooldown=300,
                customized_metric_specification=_Policy.CustomizedMetricSpecificationProperty(
                    metrics=self._backlog(queues, cluster)
                ),
            ),
        )

    def _backlog(self, queues: Mapping[names.Route, sqs.Queue], cluster: ecs.Cluster) -> list[_Query]:
        """The messages that wait or are in flight in all queues, for each task that runs; for one where none does.

        These are nine metrics; the alarms that are made of it take ten (Amazon CloudWatch, "Limits that apply to alarms
        based on metric math expressions").
        """
        counted = {
            f"{state}{index}": (metric, queue.queue_name)
            for index, queue in enumerate(queues.values())
            for state, metric in _MESSAGES.items()
        }
        place = {"ClusterName": cluster.cluster_name, "ServiceName": self.service.service_name}
        return [
            *(_metric(id, "AWS/SQS", metric, QueueName=queue) for id, (metric, queue) in counted.items()),
            _metric("tasks", "ECS/ContainerInsights", "RunningTaskCount", **place),
            _Query(
                id="backlog",
                expression=f"({' + '.join(f'FILL({id}, 0)' for id in counted)}) / IF(FILL(tasks, 0) > 0, tasks, 1)",
                label="Messages that wait or are in flight for each task",
                return_data=True,
            ),
        ]


def _metric(
    id: str, namespace: str, name: str, **dimensions: str
) -> scaling.CfnScalingPolicy.TargetTrackingMetricDataQueryProperty:
    listed = [_Policy.TargetTrackingMetricDimensionProperty(name=key, value=value) for key, value in dimensions.items()]
    metric = _Policy.TargetTrackingMetricProperty(namespace=namespace, metric_name=name, dimensions=listed)
    stat = _Policy.TargetTrackingMetricStatProperty(metric=metric, stat="Maximum")
    return _Query(id=id, metric_stat=stat, return_data=False)
