"""Measures deployment times: `provisioner up` in comparison with the bare API calls and, if installed, SAM and CDK.

All of them deploy the same template and the same handler to one fresh emulator, in alternating rounds, so that
other load on the machine affects all of them. Times are of whole processes, as a user waits for them. Requires the
standard library, and the project's .venv for the emulator and the bare calls.
"""

import argparse
import contextlib
import datetime
import json
import os
import platform
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
PYTHON = ROOT / ".venv/bin/python"
STEPS = {"create": "create", "same": "no change", "update": "new code"}

# The project's performance goals.
GOAL_RATIO = 1.5
GOAL_START = 0.010
GOAL_SYNTH = 0.020
GOAL_PLAN = 0.150
GOAL_MEMORY = 60 * 2**20
GOAL_EMPTYING = 1.3

INSTALL = {
    "SAM": "python3 -m venv target/sam && target/sam/bin/pip install aws-sam-cli",
    "CDK": "npm install --prefix target/cdk aws-cdk@2 aws-cdk-lib@2 constructs@10",
}


class Failed(Exception):
    """A command had an unexpected exit code; the message contains its output."""


class Run:
    """The result of one command: seconds, peak memory in bytes, standard output."""

    def __init__(self, command, env, cwd, expected=(0,)):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
            start = time.perf_counter()
            process = subprocess.Popen(
                [str(part) for part in command], env=env, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=err
            )
            _, status, usage = os.wait4(process.pid, 0)
            self.seconds = time.perf_counter() - start
            process.returncode = os.waitstatus_to_exitcode(status)
            # Linux counts in KiB, macOS in bytes.
            self.memory = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
            out.seek(0)
            self.out = out.read().decode(errors="replace")
            if process.returncode not in expected:
                err.seek(0)
                tail = (self.out + err.read().decode(errors="replace"))[-3000:]
                words = " ".join(str(part) for part in command)
                raise Failed(f"{words}\nexited with {process.returncode}:\n{tail}")


class Bench:
    """A folder, an emulator and the environment for every tool."""

    def __init__(self, provisioner, handler, folder):
        self.provisioner, self.folder = provisioner, folder
        self.handler = handler.read_bytes()
        self.port = free_port()
        (folder / "stacks").mkdir()
        (folder / "home").mkdir()
        spec = f"name: bench\nemulator:\n  port: {self.port}\ndata: delete\nbucket:\n  requireTls: false\n"
        (folder / "stacks/bench.yaml").write_text(spec)
        self.env = {
            "PATH": os.environ["PATH"],
            "HOME": str(folder / "home"),
            "LANG": "C.UTF-8",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "PROVISIONER_LOCAL_DIR": str(folder / "emulator"),
            "PROVISIONER_MINISTACK": str(ROOT / ".venv/bin/ministack"),
            "PROVISIONER_STACK": "bench",
            "SAM_CLI_TELEMETRY": "0",
            "CDK_DISABLE_CLI_TELEMETRY": "true",
            "CI": "true",
        }
        # The other tools get the emulator's endpoint from the environment; the provisioner reads it from the stack
        # file.
        self.aws_env = self.env | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{self.port}"}
        self.help = {name: self.run(name, "--help").out for name in ("up", "plan") if name in self.run("--help").out}

    def run(self, *arguments, expected=(0,)):
        return Run([self.provisioner, *arguments], self.env, self.folder, expected)

    def bare(self, *arguments):
        return Run([PYTHON, HERE / "bare.py", *arguments], self.aws_env, self.folder)

    def variant(self, name, number):
        """A handler with the same behaviour and another hash: bytes after the end of an ELF file are ignored."""
        folder = self.folder / "variants" / f"{name}-{number}"
        if not folder.is_dir():
            folder.mkdir(parents=True)
            path = folder / "bootstrap"
            path.write_bytes(self.handler + f"{name} {number}".encode())
            path.chmod(0o755)
        return folder

    def template(self, name):
        """The template that the provisioner generates, for a stack of another name."""
        path = self.folder / f"{name}.template.json"
        if not path.exists():
            spec = (self.folder / "stacks/bench.yaml").read_text().replace("name: bench", f"name: {name}")
            (self.folder / f"stacks/{name}.yaml").write_text(spec)
            path.write_text(self.run("synth", "--json", "-s", name).out)
        return path

    @contextlib.contextmanager
    def emulator(self):
        self.run("local", "start")
        try:
            yield
        finally:
            self.run("local", "stop")


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def code_of(step, number):
    """The code that a step of a round deploys: each round starts with a new variant, and its update deploys the next."""
    return 2 * number + (step == "update")


class Provisioner:
    name = "provisioner up"

    def __init__(self, bench):
        self.bench = bench
        # Verification is left out, because the other tools do not verify.
        self.no_verify = ["--no-verify"] if "--no-verify" in bench.help["up"] else []

    def step(self, step, number):
        variant = self.bench.variant("up", code_of(step, number))
        return self.bench.run("up", "--yes", *self.no_verify, "--handler", variant)

    def remove(self):
        self.bench.run("down", "--yes")


class Carried(Provisioner):
    """The program with an embedded handler: nothing is read or zipped. It has one handler only."""

    name = "provisioner up, embedded handler"

    def __init__(self, bench):
        super().__init__(bench)
        self.programs = {}

    def step(self, step, number):
        which = code_of(step, number)
        if which not in self.programs:
            path = self.bench.folder / f"provisioner-{which}"
            self.bench.run("bundle", "--handler", self.bench.variant("up", which), "--output", path)
            self.programs[which] = path
        return Run([self.programs[which], "up", "--yes", *self.no_verify], self.bench.env, self.bench.folder)


class Other:
    """Another deployment tool: a separate stack and artifact bucket, which the bare calls can delete."""

    def __init__(self, bench):
        self.bench, self.artifacts = bench, f"{self.stack}-artifacts"
        bench.bare("bucket", self.artifacts)

    def remove(self):
        self.bench.bare("delete", self.stack)


class Bare(Other):
    name = "bare API calls"
    stack = "bare"
    update = "update"

    def __init__(self, bench):
        super().__init__(bench)
        self.inner = {step: [] for step in STEPS}

    def archive(self, number):
        path = self.bench.folder / f"{self.stack}-{number}.zip"
        if not path.exists():
            with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
                info = zipfile.ZipInfo("bootstrap")
                info.external_attr = 0o755 << 16
                info.compress_type = zipfile.ZIP_DEFLATED
                archive.writestr(info, (self.bench.variant(self.stack, number) / "bootstrap").read_bytes())
        return path

    def step(self, step, number):
        archive = self.archive(code_of(step, number))
        verb = self.update if step == "update" else step
        ran = self.bench.bare(verb, self.stack, self.bench.template(self.stack), archive, self.artifacts)
        self.inner[step].append(float(ran.out))
        return ran


class BarePush(Bare):
    """The same work as `up`: the function runs the new code before the stack is updated."""

    name = "bare API calls, code first"
    stack = "push"
    update = "push"


class Sam(Other):
    name = "SAM"
    stack = "sam"

    def __init__(self, bench, program):
        super().__init__(bench)
        self.program = program
        template = json.loads(bench.template(self.stack).read_text())
        # SAM uploads the folder that a function's code refers to.
        template.pop("Parameters")
        for resource in template["Resources"].values():
            if resource["Type"] == "AWS::Lambda::Function":
                resource["Properties"]["Code"] = "./sam-code"
        self.template = bench.folder / "sam.json"
        self.template.write_text(json.dumps(template))

    def step(self, step, number):
        if step != "same":
            code = self.bench.folder / "sam-code"
            shutil.rmtree(code, ignore_errors=True)
            shutil.copytree(self.bench.variant("sam", code_of(step, number)), code)
        command = [self.program, "deploy", "--template-file", self.template, "--stack-name", self.stack]
        command += ["--s3-bucket", self.artifacts, "--capabilities", "CAPABILITY_NAMED_IAM", "--no-progressbar"]
        command += ["--no-confirm-changeset", "--no-fail-on-empty-changeset"]
        return Run(command, self.bench.aws_env, self.bench.folder)


class Cdk(Other):
    name = "CDK"
    stack = "cdk"

    def __init__(self, bench, program):
        super().__init__(bench)
        self.program = program
        template = json.loads(bench.template(self.stack).read_text())
        # CDK's assets are named by their hash, without a version.
        del template["Parameters"]["ArtifactVersion"]
        del template["Resources"]["Handler"]["Properties"]["Code"]["S3ObjectVersion"]
        self.template = bench.folder / "cdk.json"
        self.template.write_text(json.dumps(template))

    def step(self, step, number):
        bench = self.bench
        env = bench.aws_env | {
            "NODE_PATH": str(self.program.parent.parent),
            "TEMPLATE": str(self.template),
            "CODE": str(bench.variant("cdk", code_of(step, number))),
            "STACK": self.stack,
            "BUCKET": self.artifacts,
        }
        command = [self.program, "deploy", "--app", f"node {HERE / 'cdk-app.js'}", "--require-approval", "never"]
        command += ["--output", bench.folder / "cdk.out", "--no-notices", "--no-version-reporting"]
        return Run(command, env, bench.folder)


def found(option, name, places):
    """A program: the given one, else one installed as in INSTALL, else one in PATH."""
    candidates = [option] if option else [*(ROOT / place for place in places), shutil.which(name)]
    path = next((Path(path) for path in candidates if path and Path(path).exists()), None)
    return path and path.absolute()


def deployments(bench, tools, rounds):
    """Seconds by tool and step, and the peak memory of `up`."""
    seconds = {tool.name: {step: [] for step in STEPS} for tool in tools}
    memory = 0
    for number in range(rounds):
        for tool in tools:
            for step in STEPS:
                ran = tool.step(step, number)
                seconds[tool.name][step].append(ran.seconds)
                if isinstance(tool, Provisioner):
                    memory = max(memory, ran.memory)
            tool.remove()
            note(f"round {number + 1} of {rounds}: {tool.name}")
    return seconds, memory


def answers(bench, rounds):
    """The time of commands that make no calls."""
    commands = {"--version": (["--version"], GOAL_START), "--help": (["--help"], GOAL_START)}
    commands["up --help"] = (["up", "--help"], GOAL_START)
    commands["synth"] = (["synth"], GOAL_SYNTH)
    rows = []
    for name, (arguments, goal) in commands.items():
        rows.append((name, [bench.run(*arguments).seconds for _ in range(10 * rounds)], goal))
    return rows


def plans(bench, rounds):
    """The time of the three kinds of plans against a deployed stack."""
    rows = []
    old, new = bench.variant("plan", 0), bench.variant("plan", 1)
    # The exit code of a plan shows whether there are changes.
    any_code = tuple(range(256))

    def measure(name, handler):
        runs = [bench.run("plan", "--handler", handler, expected=any_code) for _ in range(2 * rounds)]
        rows.append((name, [run.seconds for run in runs], GOAL_PLAN))

    measure("plan of a creation", old)
    Provisioner(bench).bench.run("up", "--yes", *Provisioner(bench).no_verify, "--handler", old)
    measure("plan without a change", old)
    measure("plan of new code", new)
    bench.run("down", "--yes")
    return rows


def median(values):
    return statistics.median(values)


def spread(values, digits=2):
    return f"{median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def table(head, rows):
    widths = [max(len(str(row[i])) for row in [head, *rows]) for i in range(len(head))]
    line = lambda cells: "| " + " | ".join(str(cell).ljust(width) for cell, width in zip(cells, widths)) + " |"
    return "\n".join([line(head), "|" + "|".join("-" * (width + 2) for width in widths) + "|", *map(line, rows)])


def verdict(value, goal):
    return "met" if value <= goal else "missed"


def machine():
    model = platform.processor() or platform.machine()
    with contextlib.suppress(OSError):
        names = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.M)
        model = names[0] if names else model
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return f"{os.cpu_count()} × {model}, {memory:.0f} GiB, {platform.system()} {platform.release()}"


def note(text):
    print(text, file=sys.stderr, flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("provisioner", type=Path, help="a release build of the provisioner")
    parser.add_argument("handler", type=Path, help="a built handler, named bootstrap")
    parser.add_argument("--rounds", type=int, default=5, help="rounds of create, no change, new code (5)")
    parser.add_argument("--sam", help="the program `sam`")
    parser.add_argument("--cdk", help="the program `cdk` of a folder node_modules that has aws-cdk-lib too")
    parser.add_argument("--only-ours", action="store_true", help="measure neither SAM nor CDK")
    parser.add_argument("--empty-bucket", type=Path, help="the example `empty_bucket`; without it, that measurement is skipped")
    parser.add_argument("--versions", type=int, default=20_000, help="object versions to delete (20000)")
    parser.add_argument("--json", type=Path, help="also write every single measurement to this file")
    parser.add_argument("--write", type=Path, help="put the tables between the markers of this Markdown file")
    args = parser.parse_args()
    if not PYTHON.exists():
        sys.exit("the emulator is not installed: make emulator")
    # An interrupt must stop the emulator too.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))

    with tempfile.TemporaryDirectory(prefix="bench-deploy-") as folder:
        bench = Bench(args.provisioner.resolve(), args.handler.resolve(), Path(folder))
        with bench.emulator():
            try:
                result = measure(bench, args)
            except Failed as failure:
                sys.exit(str(failure))
    text = show(result)
    print(text)
    if args.json:
        args.json.write_text(json.dumps(result, indent=2) + "\n")
    if args.write:
        begin, end = "<!-- deployment: make bench writes this -->", "<!-- deployment ends -->"
        page = args.write.read_text()
        before, _, rest = page.partition(begin)
        args.write.write_text(before + begin + "\n" + text + "\n" + end + rest.partition(end)[2])


def measure(bench, args):
    ours = Provisioner(bench)
    bare, push = Bare(bench), BarePush(bench)
    tools, missing = [ours, bare, push], []
    if "bundle" in bench.run("--help").out:
        tools.insert(1, Carried(bench))
    sam = found(args.sam, "sam", ["target/sam/bin/sam"])
    cdk = found(args.cdk, "cdk", ["target/cdk/node_modules/.bin/cdk"])
    for program, kind in [(sam, Sam), (cdk, Cdk)]:
        if args.only_ours:
            continue
        if program:
            tools.append(kind(bench, program))
        else:
            missing.append(kind.name)
    # Warm up: effects of a first run (caches, disk pages) are not measured.
    for tool in tools:
        for step in STEPS:
            tool.step(step, args.rounds)
        tool.remove()
    bare.inner = {step: [] for step in STEPS}
    seconds, memory = deployments(bench, tools, args.rounds)
    rows = answers(bench, args.rounds)
    if "plan" in bench.help:
        rows += plans(bench, args.rounds)
    emptying = None
    if args.empty_bucket:
        # Filling takes longer than emptying, so there are fewer rounds.
        endpoint = bench.aws_env["AWS_ENDPOINT_URL"]
        emptying = json.loads(Run([args.empty_bucket.resolve(), endpoint, args.versions, 3], bench.env, bench.folder).out)
        note(f"emptied {args.versions} versions")
    return {
        "emptying": emptying,
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "machine": machine(),
        "load": os.getloadavg()[0],
        "version": bench.run("--version").out.splitlines()[0],
        "rounds": args.rounds,
        "deployments": seconds,
        "bareCalls": bare.inner,
        "peakMemory": memory,
        "answers": [{"command": name, "seconds": values, "goal": goal} for name, values, goal in rows],
        "missing": missing,
    }


def show(result):
    seconds, bare = result["deployments"], result["deployments"][Bare.name]
    head = ["seconds, median (range)", *STEPS.values()]
    rows = [[name, *(spread(steps[step]) for step in STEPS)] for name, steps in seconds.items()]
    rows.insert(
        next(i for i, row in enumerate(rows) if row[0] == Bare.name) + 1,
        ["of which the calls alone", *(spread(result["bareCalls"][step]) for step in STEPS)],
    )
    rows += [[name, *["not installed"] * 3] for name in result["missing"]]
    ratios = {step: median(seconds[Provisioner.name][step]) / median(bare[step]) for step in STEPS}
    rows.append(
        [f"up ÷ bare, goal {GOAL_RATIO}", *(f"{r:.2f}, {verdict(r, GOAL_RATIO)}" for r in ratios.values())]
    )
    same_work = [median(seconds[Provisioner.name][step]) / median(seconds[BarePush.name][step]) for step in STEPS]
    rows.append(["up ÷ bare, code first", *(f"{ratio:.2f}" for ratio in same_work)])
    alone = [median(seconds[Provisioner.name][step]) / median(result["bareCalls"][step]) for step in STEPS]
    rows.append(["up ÷ the calls alone", *(f"{ratio:.2f}" for ratio in alone)])
    parts = [
        f"Measured on {result['date']}: {result['machine']}; {result['version']}; {result['rounds']} rounds.",
        table(head, rows),
    ]
    goals = [
        [
            row["command"],
            f"{1000 * median(row['seconds']):.1f} ms",
            f"{1000 * row['goal']:.0f} ms",
            verdict(median(row["seconds"]), row["goal"]),
        ]
        for row in result["answers"]
    ]
    if emptying := result.get("emptying"):
        ours, bare, ratio = emptying["oursMedian"], emptying["bareMedian"], emptying["ratio"]
        what = f"emptying {emptying['versions']} versions ÷ bare client ({emptying['parallel']} at once)"
        figure = f"{ratio:.2f} ({ours:.2f} s, {bare:.2f} s)"
        goals.append([what, figure, f"{GOAL_EMPTYING}", verdict(ratio, GOAL_EMPTYING)])
    memory = result["peakMemory"]
    goals.append(
        ["peak memory of `up`", f"{memory / 2**20:.1f} MiB", f"{GOAL_MEMORY >> 20} MiB", verdict(memory, GOAL_MEMORY)]
    )
    parts.append(table(["", "median", "goal", "verdict"], goals))
    parts += [f"{name} is not installed; to include it: {INSTALL[name]}" for name in result["missing"]]
    return "\n\n".join(parts)


if __name__ == "__main__":
    main()
