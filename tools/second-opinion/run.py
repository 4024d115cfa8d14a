#!/usr/bin/env python3
"""Runs the provisioner against moto, a second implementation of the services that it calls.

The emulator of `make test` forgives; moto forgives other things. The stacks dev and prod go up, are planned again, shown
and taken down, and nothing may be left behind. Functions do not run on moto, so no file goes through the pipeline.

What moto does unlike AWS and what the provisioner rightly notices is listed in `KNOWN`; anything else fails.

usage: target/second-opinion/bin/python tools/second-opinion/run.py PROVISIONER HANDLER
"""

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path

import boto3
import yaml

ROOT = Path(__file__).resolve().parents[2]
REGION = "us-east-1"
# moto ignores conditions of policies, so that "deny requests without TLS" denies every request.
SETTINGS = {"bucket": {"requireTls": False}}
# Parts of what `plan` and `status` report as drift or as not looked at, by resource, and why.
KNOWN = {
    "HandlerRole": "moto answers GetRolePolicy with a document that is not the one that was put",
    "Bucket": "moto's answer to GetBucketNotificationConfiguration has a root element that the SDK refuses",
}
# Resources of which moto's ListStackResources says nothing, or no logical id, which is why `status` cannot show them.
UNLISTED = {"FailedEventsAlarm", "FailedEventsPolicy", "HandlerRetries"}
# Long enough for an operation that is followed for 20 seconds because moto's events carry no token.
TIMEOUT = 300


def check(condition, message):
    if not condition:
        sys.exit(f"second opinion: {message}")


class Moto:
    """moto's server on a free port of 127.0.0.1, for as long as the block lasts."""

    def __enter__(self):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}"
        program = Path(sys.executable).with_name("moto_server")
        environment = {"PATH": os.environ["PATH"], "HOME": os.environ.get("HOME", "/")}
        self.process = subprocess.Popen(
            [program, "-H", "127.0.0.1", "-p", str(port)],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )
        deadline = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(f"{self.url}/moto-api/", timeout=1).close()
                return self
            except OSError:
                check(self.process.poll() is None, "moto_server ended")
                check(time.monotonic() < deadline, "moto_server does not answer")
                time.sleep(0.1)

    def __exit__(self, *_):
        self.process.terminate()
        self.process.wait()

    def left(self):
        """What is in the account."""
        def client(service):
            return boto3.client(service, region_name=REGION, endpoint_url=self.url,
                                aws_access_key_id="test", aws_secret_access_key="test")
        stacks = client("cloudformation").list_stacks()["StackSummaries"]
        return {
            "buckets": [b["Name"] for b in client("s3").list_buckets()["Buckets"]],
            "tables": client("dynamodb").list_tables()["TableNames"],
            "functions": [f["FunctionName"] for f in client("lambda").list_functions()["Functions"]],
            "queues": client("sqs").list_queues().get("QueueUrls", []),
            "roles": [r["RoleName"] for r in client("iam").list_roles()["Roles"]],
            "log groups": [g["logGroupName"] for g in client("logs").describe_log_groups()["logGroups"]],
            "alarms": [a["AlarmName"] for a in client("cloudwatch").describe_alarms()["MetricAlarms"]],
            "stacks": [s["StackName"] for s in stacks if s["StackStatus"] != "DELETE_COMPLETE"],
        }


class Stack:
    """A stack file that is shipped, changed as little as moto needs it."""

    def __init__(self, name, folder, provisioner, handler, moto):
        self.name, self.moto = name, moto
        self.provisioner, self.handler = provisioner, handler
        spec = yaml.safe_load((ROOT / "stacks" / f"{name}.yaml").read_text())
        for section, settings in SETTINGS.items():
            spec.setdefault(section, {}).update(settings)
        self.file = folder / f"{name}.yaml"
        self.file.write_text(yaml.safe_dump(spec))

    def run(self, command, *arguments):
        """Runs a command with --json; its data."""
        begun = time.monotonic()
        ran = subprocess.run(
            [self.provisioner, command, *arguments, "--json", "--stack", self.file],
            capture_output=True, text=True, timeout=TIMEOUT, cwd=self.file.parent,
            env={
                "PATH": os.environ["PATH"], "HOME": str(self.file.parent), "AWS_ENDPOINT_URL": self.moto.url,
                "AWS_REGION": REGION, "AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test",
            },
        )
        check(ran.returncode == 0, f"{command} of {self.name} ended with {ran.returncode}\n{ran.stdout}\n{ran.stderr}")
        print(f"{self.name:5} {command:7} ok, {time.monotonic() - begun:.0f} s", flush=True)
        return ran.stdout

    def only_known(self, command, drift):
        """Everything that is reported as changed, or as not looked at, must be known."""
        reported = {entry["logicalId"] for entry in drift.get("resources", []) + drift.get("unchecked", [])}
        check(reported <= KNOWN.keys(), f"{command} of {self.name} reports drift: {json.dumps(drift, indent=2)}")
        return reported

    def up_and_down(self):
        handler = ["--handler", self.handler]
        self.run("up", "--yes", "--no-verify", *handler)
        plan = json.loads(self.run("plan", *handler))
        check(not plan["changes"], f"plan of {self.name} finds changes right after up: {json.dumps(plan, indent=2)}")
        seen = self.only_known("plan", plan["drift"])

        status = json.loads(self.run("status"))
        check(status["phase"] == "ready", f"{self.name} is {status['phase']}")
        template = yaml.safe_load((ROOT / "stacks/rendered" / f"{self.name}.yaml").read_text())
        shown = {resource["logicalId"] for resource in status["resources"]}
        # The copy of the stack file asks for no TLS, which is all that the bucket's policy may be for.
        missing = template["Resources"].keys() - shown - {"BucketPolicy"}
        check(missing == UNLISTED, f"status of {self.name} does not show {missing}")
        seen |= self.only_known("status", status.get("drift", {}))

        self.run("down", "--yes", "--delete-data")
        left = {kind: names for kind, names in self.moto.left().items() if names}
        check(not left, f"down of {self.name} left behind {left}")
        return seen


def main(provisioner, handler):
    provisioner, handler = Path(provisioner).resolve(), str(Path(handler).resolve())
    seen = set()
    with Moto() as moto, tempfile.TemporaryDirectory() as folder:
        for name in ("dev", "prod"):
            seen |= Stack(name, Path(folder), provisioner, handler, moto).up_and_down()
    check(seen == KNOWN.keys(), f"listed as known, and not reported: {KNOWN.keys() - seen}")
    print("moto agrees: both stacks went up and down, and nothing is left")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])
