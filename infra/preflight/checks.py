"""The checks: what a deployment asks of an account, against what the account has."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial

from infra.capacity import UNRESERVED
from infra.config import ApiLogs, Config, Stage
from infra.preflight.account import Account
from infra.preflight.findings import Finding, Findings, Unidentified, Weight
from infra.preflight.taken import Named, fixed_names

BOOTSTRAP_QUALIFIER = "hnb659fds"
"""The CDK's own, of ``DefaultStackSynthesizer``."""
BOOTSTRAP_VERSION = 6
"""The least that the CDK's assets ask for (``DefaultStackSynthesizer``, minimum bootstrap stack version)."""
QUOTA = "L-B99A9384"
"""Of AWS Lambda: concurrent executions (Service Quotas)."""
RECOVERY = "shared/docs/operations/recovery.md"
_STANDING = frozenset({"CREATE_COMPLETE", "UPDATE_COMPLETE", "UPDATE_ROLLBACK_COMPLETE", "IMPORT_COMPLETE"})
_TO_DELETE = frozenset({"ROLLBACK_FAILED", "CREATE_FAILED", "DELETE_FAILED"})
_REPEATED = frozenset({"ROLLBACK_COMPLETE", "REVIEW_IN_PROGRESS"})


@dataclass
class Preflight:
    """Checks an account for a deployment, and learns which of its stacks are to be created.

    Args:
        config: What is to be deployed.
        account: Where to.
        importing: Whether kept tables are taken over (``cdk deploy --import-existing-resources``).

    ``absent`` holds, after ``run``, the stacks that are known not to stand.
    """

    config: Config
    account: Account
    importing: bool = False
    absent: set[Stage] = field(default_factory=set)
    findings: Findings = field(default_factory=Findings)

    def run(self) -> list[Finding]:
        """Runs all checks. Never raises for what it cannot read."""
        run = self.findings.run
        run("Credentials", self._identity)
        if self.findings.block:  # nothing else can be read
            return self.findings.found
        run("The CDK's bootstrap", self._bootstrap)
        for stage in Stage:
            run(f"The stack {self._stack(stage)}", partial(self._stage, stage))
        run("The account's concurrency of functions", self._concurrency)
        run("API Gateway's role", self._gateway_role)
        run("The names that are taken", self._names)
        return self.findings.found

    def _stack(self, stage: Stage) -> str:
        return self.config.physical(stage)

    def _identity(self) -> None:
        try:
            self.account.number()
        except Unidentified as problem:
            self.findings.add(
                Weight.BLOCKS,
                f"AWS does not know who deploys: {problem}.",
                "Set AWS_PROFILE and AWS_REGION, log in, and see that `aws sts get-caller-identity` answers.",
            )

        if self.account.region() is None:
            self.findings.add(Weight.BLOCKS, "No region is named.", "Set AWS_REGION, or a region in the profile.")

    def _bootstrap(self) -> None:
        version = self.account.bootstrap(BOOTSTRAP_QUALIFIER)
        if version is None or version < BOOTSTRAP_VERSION:
            has = "has no bootstrap of the CDK" if version is None else f"has version {version} of the CDK's bootstrap"
            self.findings.add(
                Weight.BLOCKS,
                f"The account {has} in {self.account.region()}; {BOOTSTRAP_VERSION} or later is needed.",
                "Run `cdk bootstrap` once, as the page on deploying says. (A bootstrap under another qualifier is not "
                "seen here: pass PREFLIGHT=warn if you have one.)",
            )

    def _stage(self, stage: Stage) -> None:
        name = self._stack(stage)
        found = self.account.stack(name)
        if found is None:
            self.absent.add(stage)
            return
        status, protected = found
        if status in _REPEATED:
            self.absent.add(stage)
            if protected:
                self.findings.add(
                    Weight.BLOCKS,
                    f"The stack {name} was never created ({status}), yet it is protected against deletion.",
                    f"Run `aws cloudformation update-termination-protection --stack-name {name} "
                    "--no-enable-termination-protection`, then deploy again.",
                )
        elif status in _TO_DELETE:
            self.findings.add(
                Weight.BLOCKS,
                f"The stack {name} is in {status}.",
                f"Look at its events for what could not be deleted, then `aws cloudformation delete-stack --stack-name "
                f"{name}`: {RECOVERY}.",
            )
        elif status == "UPDATE_ROLLBACK_FAILED":
            self.findings.add(
                Weight.BLOCKS,
                f"The stack {name} is in {status}.",
                f"Mend what its events name, then `aws cloudformation continue-update-rollback --stack-name {name}`: "
                f"{RECOVERY}.",
            )
        elif status not in _STANDING:
            self.findings.add(
                Weight.BLOCKS,
                f"The stack {name} is being changed ({status}).",
                "Wait until that is over, then deploy again.",
            )

    def _concurrency(self) -> None:
        wanted = self.config.capacity.reserved
        if not wanted:
            return
        quota, unreserved = self.account.concurrency()
        own = sum(self.account.reserved(self.config.physical(function)) for function in wanted)
        needed = sum(wanted.values())
        left = unreserved + own - needed
        if left >= UNRESERVED:
            return
        missing = UNRESERVED - left
        keys = ", ".join(f"reserved_{function}={number}" for function, number in wanted.items())
        self.findings.add(
            Weight.BLOCKS,
            f"{needed} concurrent executions are to be reserved, and {UNRESERVED} must stay for all other functions, "
            f"but of the account's {quota} only {unreserved + own} are free: {missing} are missing.",
            f"Ask for a quota of {quota + missing} or more: `aws service-quotas request-service-quota-increase "
            f"--service-code lambda --quota-code {QUOTA} --desired-value {quota + missing}`. Or reserve less: now "
            f"{keys}; a key that is 0 reserves nothing, and the worker needs what batches_critical, batches_high, "
            "batches_normal and batches_low add up to.",
        )

    def _gateway_role(self) -> None:
        if self.config.api_logs is ApiLogs.OFF:
            return
        role = self.account.gateway_role()
        if self.config.api_logs is ApiLogs.ACCOUNT_ROLE and role is None:
            self.findings.add(
                Weight.BLOCKS,
                "API Gateway has no role to write logs in this account and region, so a stage with logs is refused.",
                "Let this deployment make one (api_logs=own-role), set one (`aws apigateway update-account`), or go "
                "without logs (api_logs=off).",
            )
        if self.config.api_logs is ApiLogs.OWN_ROLE and role is not None and Stage.SERVICE in self.absent:
            self.findings.add(
                Weight.WARNS,
                f"API Gateway already writes logs as {role}; this deployment would put its own role in that place, for "
                "all APIs of the account and region.",
                "Set api_logs=account-role to use the one that is there.",
            )

    def _names(self) -> None:
        """What stacks that do not stand yet will create under a fixed name."""
        region = str(self.account.region())
        for named in fixed_names(self.config, self.account.number(), region):
            if named.stage in self.absent and not (self.importing and named.kind == "table"):
                self.findings.run(f"The {named}", partial(self._taken, named))

    def _taken(self, named: Named) -> None:
        if self.account.has(named.kind, named.name):
            self.findings.add(
                Weight.BLOCKS,
                f"There is a {named} already, which no stack of this deployment holds.",
                f"It was kept by an earlier deployment, or is another's. Take it over, delete it, or choose another "
                f"`deployment`: {RECOVERY}.",
            )
