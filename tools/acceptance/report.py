"""What the steps came to, and how that differs from the emulator."""

import datetime
import platform
from dataclasses import dataclass, field


@dataclass
class Step:
    """One step: what was done, how long it took, and what came of it."""

    name: str
    command: str = ""
    seconds: float = 0.0
    # What is compared with the emulator: exit codes, statuses, counts; nothing that changes from run to run.
    facts: dict = field(default_factory=dict)
    # What is worth knowing and depends on where it runs.
    seen: dict = field(default_factory=dict)
    # Why the step failed, if it did.
    problem: str = ""


class Report:
    def __init__(self, stack, account):
        self.stack, self.account = stack, account
        self.begun = datetime.datetime.now(datetime.timezone.utc)
        self.steps = []

    def results(self):
        return {step.name: step.facts for step in self.steps}

    def differences(self, baseline):
        """What came out otherwise than on the emulator, a line each."""
        found = []
        results = self.results()
        for name in baseline.keys() - results.keys():
            found.append(f"{name}: was not run")
        for name, facts in results.items():
            known = baseline.get(name)
            if known is None:
                found.append(f"{name}: is not in emulator.json")
                continue
            for fact in facts.keys() | known.keys():
                here, there = facts.get(fact), known.get(fact)
                if here != there:
                    found.append(f"{name}: {fact} is {here!r}, on the emulator {there!r}")
        return sorted(found)

    def markdown(self, baseline):
        account = self.account
        where = account.endpoint or f"AWS, account …{account.id[-4:]}, {account.region}"
        differences = self.differences(baseline)
        lines = [
            f"# Acceptance of {self.begun:%Y-%m-%d %H:%M} UTC",
            "",
            f"Stack `{self.stack}` on {where}. {platform.system()} {platform.machine()}.",
            "",
            "| step | command | seconds | result |",
            "| --- | --- | ---: | --- |",
        ]
        for step in self.steps:
            result = "failed" if step.problem else "ok"
            lines.append(f"| {step.name} | `{step.command}` | {step.seconds:.1f} | {result} |")
        lines += ["", "## Failed", ""]
        for step in self.steps:
            if step.problem:
                lines += [f"### {step.name}", "", "```", step.problem.strip(), "```", ""]
        if not any(step.problem for step in self.steps):
            lines += ["Nothing.", ""]
        lines += ["## Different from the emulator", ""]
        lines += [f"- {difference}" for difference in differences] or ["Nothing."]
        lines += ["", "## Seen", ""]
        for step in self.steps:
            if step.facts or step.seen:
                facts = ", ".join(f"{name} {value}" for name, value in (step.facts | step.seen).items())
                lines.append(f"- {step.name}: {facts}")
        return "\n".join(lines) + "\n"
