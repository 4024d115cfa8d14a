#!/usr/bin/env python3
"""Tries the provisioner in a real AWS account, and reports what differed from the emulator.

It creates a throw-away stack under a role that has the printed policies and no other permission, runs every command of
the README, puts the sample files, injects failures (a bad template, revoked permissions), takes everything down, and
looks for what is left. It needs an administrator's credentials, as it creates and deletes a role and two policies. A run
takes about 20 minutes and costs a few cents. Whatever happens, it takes down what it made; everything has the stack's
name, which it prints first.

usage: make acceptance ACCOUNT=123456789012 [REGION=eu-central-1] [PROFILE=name]
"""

import argparse
import json
import secrets
import sys
import tempfile
from pathlib import Path

from account import Account
from report import Report
from steps import Acceptance

BASELINE = Path(__file__).with_name("emulator.json")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--account", required=True, help="the account that may be used: 12 digits")
    parser.add_argument("--region", default="us-east-1")
    parser.add_argument("--profile")
    parser.add_argument("--endpoint-url", help="the emulator instead of AWS")
    parser.add_argument("--provisioner", type=Path, required=True)
    parser.add_argument("--handler", type=Path, required=True, help="the handler for provided.al2023")
    parser.add_argument("--report", type=Path, required=True, help="where the report goes (Markdown)")
    parser.add_argument("--write-baseline", action="store_true", help=f"take the results down in {BASELINE.name}")
    return parser.parse_args()


def main():
    options = arguments()
    stack = f"accept-{secrets.token_hex(3)}"
    account = Account(stack, options.region, options.profile, options.endpoint_url)
    if account.id != options.account:
        sys.exit(f"these credentials belong to account {account.id}, not {options.account}; nothing was done")
    print(f"stack {stack} in account {account.id}, {options.region}, as {account.caller}", flush=True)

    report = Report(stack, account)
    with tempfile.TemporaryDirectory() as folder:
        Acceptance(account, report, Path(folder), options).run()
    if options.write_baseline:
        BASELINE.write_text(json.dumps(report.results(), indent=2) + "\n")
    baseline = json.loads(BASELINE.read_text())
    options.report.write_text(report.markdown(baseline))
    failed = [step.name for step in report.steps if step.problem]
    print(f"{len(report.steps)} steps, {len(failed)} failed; the report is {options.report}")
    if failed:
        sys.exit("failed: " + "; ".join(failed))
    different = report.differences(baseline)
    if options.endpoint_url and different:
        sys.exit("differs from emulator.json: " + "; ".join(different))


if __name__ == "__main__":
    main()
