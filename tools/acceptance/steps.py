"""The steps of the acceptance test, in order. Each runs a command and checks what it says."""

import json
import os
import re
import subprocess
import time
import traceback
from pathlib import Path

import yaml

from account import PROPAGATION, wait_for
from report import Step

ROOT = Path(__file__).resolve().parents[2]
# Commands of the README that need the emulator or a person.
NOT_RUN = {"local", "web"}
# The two policies that `synth --permissions` prints.
POLICIES = ("caller", "cloudformation")
# How long a record, or an event that failed every attempt, may take. Lambda repeats an event after one minute and after
# two more (Lambda developer guide, "Asynchronous invocation").
RECORD, FAILED_EVENT = 120, 600


class Failed(Exception):
    """A step did not do what it should."""


def expect(condition, message):
    if not condition:
        raise Failed(message)


class Acceptance:
    def __init__(self, account, report, folder, options):
        self.account, self.report, self.folder, self.options = account, report, folder, options
        self.provisioner = options.provisioner.resolve()
        self.handler = str(options.handler.resolve())
        self.role = None
        self.verbs = set()

    # Running commands.

    def environment(self):
        names = [name for name in os.environ if name.startswith("AWS_")]
        env = {name: os.environ[name] for name in ("PATH", "HOME", "SSL_CERT_FILE", *names) if name in os.environ}
        env |= {"PROVISIONER_STACK": self.account.stack, "XDG_CACHE_HOME": str(self.folder / "cache"), "CI": "true"}
        env["XDG_STATE_HOME"] = str(self.folder / "state")
        if self.options.endpoint_url:
            env["AWS_ENDPOINT_URL"] = self.options.endpoint_url
        return env

    def provision(self, *arguments, role=True):
        """Runs the provisioner as the deployer; the finished process."""
        self.verbs.add(arguments[0])
        command = [str(self.provisioner), *map(str, arguments)]
        if role:
            command += ["--role-arn", self.role, "--region", self.options.region]
            if self.options.profile:
                command += ["--profile", self.options.profile]
        return subprocess.run(command, cwd=self.folder, env=self.environment(), capture_output=True, text=True,
                              timeout=3600)

    def step(self, name, arguments, code, check=None, role=True):
        """Runs a command that must end with a code, and lets `check` look at it. Says whether all was well.

        `check` gets the finished process and returns facts to compare with the emulator.
        """
        def work(step):
            ran = self.provision(*arguments, role=role)
            step.facts["exit"] = ran.returncode
            expect(ran.returncode == code, f"exit {ran.returncode}, not {code}\n{ran.stdout}\n{ran.stderr}")
            step.facts |= (check(ran) if check else None) or {}

        return self.do(name, " ".join(["provisioner", *map(str, arguments)]), work)

    def do(self, name, command, work):
        step = Step(name, command.replace(self.account.stack, "STACK").replace(str(self.folder), "FOLDER"))
        self.report.steps.append(step)
        begun = time.monotonic()
        try:
            work(step)
        except (Exception, KeyboardInterrupt) as error:
            step.problem = str(error) if isinstance(error, Failed) else traceback.format_exc()
            if isinstance(error, KeyboardInterrupt):
                raise
        finally:
            step.seconds = time.monotonic() - begun
            print(f"{'FAILED' if step.problem else 'ok':6} {step.seconds:6.1f} s  {name}", flush=True)
        return not step.problem

    # The whole.

    def run(self):
        try:
            self.without_account()
            if self.create_deployer() and self.create_stack():
                self.use()
                self.reach_for_code_of_another_stack()
                self.inject_bad_template()
                self.revoke_permission_of_deployer()
                self.revoke_permission_of_function()
        finally:
            self.take_down()
        self.do("every command of the README was run", "", self.check_commands)

    def without_account(self):
        """Commands that call nothing."""
        offline = {"role": False}
        self.step("init writes stack files", ["init"], 0, **offline)
        self.write_stack_file()
        self.step("schema is JSON", ["schema"], 0, lambda ran: {"type": json.loads(ran.stdout)["type"]}, **offline)
        self.step("synth prints the template", ["synth"], 0,
                  lambda ran: {"table": "Table" in yaml.safe_load(ran.stdout)["Resources"]}, **offline)
        self.step("inspect reads a file", ["inspect", ROOT / "samples/sample.pdf", "--json"], 0,
                  lambda ran: {"words": re.search(r'"wordCount":\s*(\d+)', ran.stdout)[1]}, **offline)
        self.step("completions for bash", ["completions", "bash"], 0, **offline)
        self.step("man pages", ["man", self.folder / "man"], 0, **offline)
        self.step("bundle carries the handler",
                  ["bundle", "--handler", self.handler, "--output", self.folder / "bundled"], 0, **offline)

    def write_stack_file(self, **handler):
        spec = yaml.safe_load((ROOT / "stacks/dev.yaml").read_text())
        spec |= {"name": self.account.stack, "region": self.options.region, "account": self.account.id}
        # Beside other stacks of the account, the free tier's throughput would cost more than what is used.
        spec["table"]["billing"] = "on-demand"
        spec["handler"] |= handler
        if (self.options.endpoint_url or "").startswith("http:"):
            spec.setdefault("bucket", {})["requireTls"] = False
        (self.folder / "stacks" / f"{self.account.stack}.yaml").write_text(yaml.safe_dump(spec))

    def create_deployer(self):
        policies = {}
        for name in POLICIES:
            ok = self.step(f"synth prints the policy of {name}", ["synth", f"--permissions={name}"], 0,
                           lambda ran, name=name: policies.update({name: ran.stdout}), role=False)
            if not ok:
                return False

        def create(step):
            self.role = self.account.create_deployer(policies)
            ran = wait_for(self.status_or_none, PROPAGATION)
            expect(ran, "the role cannot be assumed, or its policies are not in force")
            step.facts["phase"] = json.loads(ran.stdout)["phase"]

        return self.do("the role that is limited by the policies", "aws iam create-role, create-policy", create)

    def status_or_none(self):
        ran = self.provision("status", "--json")
        return ran if ran.returncode == 0 else None

    def create_stack(self):
        plan = self.folder / "plan.json"
        self.step("plan as Markdown", ["plan", "--handler", self.handler, "--format", "markdown"], 10)
        self.step("plan to a file", ["plan", "--handler", self.handler, "--json", "--out", plan], 10,
                  lambda ran: {"actions": sorted({r["action"] for r in json.loads(ran.stdout)["resources"]})})
        return self.step("up applies the saved plan and verifies", ["up", "--yes", "--handler", self.handler, "--plan", plan],
                         0)

    def use(self):
        handler = ["--handler", self.handler]
        self.step("up finds nothing to change", ["up", "--yes", *handler], 0,
                  lambda ran: {"no change": "nothing to change" in ran.stdout + ran.stderr})
        self.step("verify sends a file through", ["verify"], 0)
        self.step("put the samples and wait for records", ["put", ROOT / "samples", "--wait", "--json"], 8, self.records)
        self.step("records as text", ["records"], 0)
        self.step("records as CSV", ["records", "--format", "csv", "--limit", "100"], 0,
                  lambda ran: {"rows": len(ran.stdout.splitlines())})
        for name, filters in {
            "by status": ["--status", "failed"], "by name": ["--name", "sample*"], "by type": ["--type", "application/pdf"],
            "by time": ["--since", "1h"], "by key": ["--key", "sample.pdf"],
        }.items():
            self.step(f"records {name}", ["records", "--json", *filters], 0,
                      lambda ran: {"records": len(json.loads(ran.stdout)["records"])})
        self.step("show one record", ["show", "locked.pdf", "--json"], 0,
                  lambda ran: {"explained": json.loads(ran.stdout)["explanation"]["code"]})
        self.step("trace one file", ["trace", "sample.pdf", "--json"], 0,
                  lambda ran: {"state": json.loads(ran.stdout)["conclusion"]["state"]})
        self.step("logs of the last hour", ["logs", "--since", "1h", "-n", "1000"], 0,
                  lambda ran: {"success line": "File sample.pdf processed with status SUCCESS, words=446" in ran.stdout})
        self.step("status", ["status", "--json"], 0, lambda ran: self.state(json.loads(ran.stdout)))
        # Which of its protections the system grants is known only from a function that runs there.
        self.report.steps[-1].seen["sandbox"] = self.sandbox()
        self.step("status with drift detection", ["status", "--drift"], 0)
        self.step("plan finds no change and no drift", ["plan", "--drift", "--json", *handler], 0,
                  lambda ran: {"drift": self.drifted(json.loads(ran.stdout))})
        self.write_stack_file(memory="512 MiB")
        self.step("up changes a setting", ["up", "--yes", *handler], 0)
        self.step("history lists the deployments", ["history"], 0)
        self.step("rollback returns to the template before", ["rollback", "--template", "--yes"], 0)
        self.step("redrive finds nothing", ["redrive", "--yes"], 0)
        self.step("reprocess reads one file again", ["reprocess", "sample.pdf", "--yes"], 0)
        self.step("reconcile finds nothing", ["reconcile"], 0)
        self.step("forget erases one file", ["forget", "notes.txt", "--yes", "--json"], 0,
                  lambda ran: {"records": json.loads(ran.stdout)["records"]})

    @staticmethod
    def records(ran):
        """The status and the error code of each sample."""
        found = {}
        for line in ran.stdout.splitlines():
            record = json.loads(line).get("record")
            if record:
                found[record["fileName"]] = record.get("errorCode", record["status"])
        table = [row.split("|") for row in (ROOT / "samples/README.md").read_text().splitlines() if row.startswith("| ")]
        for cells in table[2:]:
            name, status, code = cells[1].strip(), cells[3].strip(), cells[7].strip()
            expect(found.get(name) == (code or status), f"{name} is {found.get(name)}, not {code or status}")
        return dict(sorted(found.items()))

    @staticmethod
    def state(status):
        return {"phase": status["phase"], "failed events": status.get("failedEvents")}

    def sandbox(self):
        ran = self.status_or_none()
        return json.loads(ran.stdout).get("sandbox") if ran else None

    @staticmethod
    def drifted(plan):
        return sorted(entry["logicalId"] for entry in plan["drift"]["resources"])

    def reach_for_code_of_another_stack(self):
        def reach(step):
            own, other = self.account.refused_on_code(self.role)
            step.facts |= {"refused on its own bucket": own, "refused on the other one": other}
            expect(not own, f"the deployer may not change the code of its own stack: {own}")
            expect(len(other) == 3, f"the deployer may change the code of another stack: only {other} are refused")

        self.do("the code of another stack is out of reach", "aws s3api put-object, delete-object, put-bucket-policy", reach)

    def inject_bad_template(self):
        def deploy(step):
            step.facts["status"] = self.account.deploy_bad_template()
            expect(step.facts["status"] != "UPDATE_COMPLETE", "the template that cannot work was deployed")

        if self.do("somebody deploys a bad template", "aws cloudformation update-stack", deploy):
            self.step("up continues after it", ["up", "--yes", "--handler", self.handler], 0)

    def revoke_permission_of_deployer(self):
        def deny(step):
            self.account.deny_deployer("dynamodb:Query")

            def refused():
                ran = self.provision("records")
                return ran if ran.returncode != 0 else None

            ran = wait_for(refused, PROPAGATION)
            expect(ran, "records still works without its permission")
            step.facts |= {"exit": ran.returncode, "names the action": "dynamodb:Query" in ran.stderr}
            expect(ran.returncode == 4, ran.stderr)

        self.do("records without dynamodb:Query", "provisioner records", deny)
        self.account.allow_deployer()
        ran = wait_for(lambda: self.provision("records").returncode == 0, PROPAGATION)
        self.do("records with it again", "provisioner records", lambda step: expect(ran, "records does not work again"))

    def revoke_permission_of_function(self):
        """The function loses its permissions: its events end in the queue, from where `redrive` sends them again."""
        lost = self.folder / "lost.txt"
        lost.write_text("three words here")
        if not self.do("the function's role loses its policies", "aws iam delete-role-policy",
                       lambda step: self.account.deny_function()):
            return

        def fail(step):
            # IAM may still let the first calls pass; then another file is sent.
            def failed_event():
                self.provision("put", lost)
                deadline = time.monotonic() + FAILED_EVENT
                while time.monotonic() < deadline:
                    if json.loads(self.provision("status", "--json").stdout).get("failedEvents"):
                        return True
                    time.sleep(5)
                return False

            expect(wait_for(failed_event, 2 * FAILED_EVENT), "the event did not reach the queue of failed events")

        self.do("its event reaches the queue", "provisioner put, status", fail)
        self.step("plan reports the lost permissions", ["plan", "--json", "--handler", self.handler], 0,
                  lambda ran: {"drift": self.drifted(json.loads(ran.stdout))})
        self.step("up restores them", ["up", "--yes", "--revert-drift", "--allow", "broaden", "--handler", self.handler], 0)

        def redrive(step):
            def recorded():
                self.provision("redrive", "--yes")
                found = json.loads(self.provision("records", "--json", "--key", "lost.txt").stdout)["records"]
                return len(found) if found else None

            step.facts["recorded"] = bool(wait_for(recorded, RECORD))
            expect(step.facts["recorded"], "the redriven event left no record")

        self.do("redrive brings the record", "provisioner redrive", redrive)

    def take_down(self):
        if self.role:
            self.step("down", ["down", "--yes", "--delete-data"], 0)
        self.do("the role and its policies are deleted", "aws iam delete-role, delete-policy",
                lambda step: self.account.delete_deployer(POLICIES))

        def look(step):
            left = self.account.left()
            # Deleted queues, buckets and roles may be listed for a minute (SQS, DeleteQueue).
            wait_for(lambda: not self.account.left(), 90)
            left = self.account.left()
            expect(not left, f"left behind: {json.dumps(left, indent=2)}")

        self.do("nothing is left", "aws … list", look)

    def check_commands(self, _step):
        readme = (ROOT / "README.md").read_text()
        named = set(re.findall(r"(?:\$ |`)provisioner ([a-z]+)", readme)) - NOT_RUN
        expect(named <= self.verbs, f"not run: {sorted(named - self.verbs)}")
