//! Texts below the options of `--help` and on the manual pages: examples, environment variables, exit codes.

use clap::error::{ContextKind, ContextValue};

/// Below the short help.
pub const SHORT: &str = "\
Examples:
  provisioner init                             starter stack files, in stacks/
  provisioner up -s local                      a stack on this machine, without an AWS account
  provisioner put report.pdf --wait -s local   upload a file and show its record
  provisioner up                               the stack of stacks/dev.yaml, on AWS

Every command has more options and examples: provisioner COMMAND --help";

/// Below the long help, and on the manual page.
pub const LONG: &str = "\
Examples:
  provisioner init                             starter stack files, in stacks/
  provisioner up -s local                      a stack on this machine, without an AWS account
  provisioner put report.pdf --wait -s local   upload a file and show its record
  provisioner plan --out plan.json             what `up` would change; exit code 10 if anything
  provisioner up --plan plan.json --yes        exactly that
  provisioner status --check -s prod           for monitoring: exit code 11 unless all is well

Environment variables:
  PROVISIONER_STACK                     --stack
  PROVISIONER_HANDLER                   --handler
  PROVISIONER_NO_VERIFY                 --no-verify
  PROVISIONER_ROLE_ARN                  --role-arn
  PROVISIONER_EXTERNAL_ID               --external-id
  PROVISIONER_ROLE_SESSION_NAME         --role-session-name
  PROVISIONER_CLOUDFORMATION_ROLE_ARN   --cloudformation-role-arn
  PROVISIONER_LOCAL_DIR                 where the emulator keeps its data
  PROVISIONER_MINISTACK                 the emulator's program
  AWS_PROFILE, AWS_REGION, AWS_ENDPOINT_URL, AWS_ACCESS_KEY_ID, …   as for the AWS CLI
  CI                                    nothing asks, and no line is redrawn
  NO_COLOR                              no colours

Exit codes:
    0  done, or nothing to do
    1  a failure without a code in this list
    2  the command line is wrong
    3  the stack file, a saved plan or the handler's binary is invalid; nothing was changed
    4  no credentials, no Region, no permission, or the service cannot be reached
    5  refused, or confirmation is missing; nothing was changed
    6  the deployment failed
    7  something could not be removed
    8  a file was recorded as FAILED, or its record did not arrive in time
    9  the stack is up, but a test file did not get its record
   10  `plan` found that something would change
   11  the stack is broken or needs attention
   12  `reconcile`: bucket and table disagree
  130  interrupted; what runs in AWS continues";

/// Examples of `up`.
pub const UP: &str = "\
Examples:
  provisioner up -s prod                    show the plan, ask, deploy, verify
  provisioner up --yes --allow replace      without a question, also if a resource is replaced
  provisioner up --revert-drift             undo what was changed outside of CloudFormation
  provisioner up --watch -s local           deploy at each save of the handler's sources";

/// Examples of `plan`.
pub const PLAN: &str = "\
Examples:
  provisioner plan -v                       with CloudFormation's types and properties
  provisioner plan --format markdown        for a pull request
  provisioner plan --out plan.json          for `up --plan plan.json`

Exit codes: 0 nothing would change, 10 something would, 11 a part of the stack was deleted";

/// Examples of `status`.
pub const STATUS: &str = "\
Examples:
  provisioner status -s prod --check        exit code 11 unless the stack is healthy or being changed
  provisioner status --json                 `health.state` and `health.problems` come first for programs";

/// Examples of `down`.
pub const DOWN: &str = "\
Examples:
  provisioner down -s dev                   count what is deleted, ask, delete, prove that nothing is left
  provisioner down -s prod --delete-data    also the files and records of a stack that keeps its data";

/// Examples of `put`.
pub const PUT: &str = "\
Examples:
  provisioner put report.pdf scans/ --wait  files and folders, with their records
  tar c logs | provisioner put - --key logs.tar
  provisioner put report.pdf --prefix in/   as in/report.pdf
  provisioner put . -x '.*' -x '*.tmp' --dry-run
  provisioner put scans/ --skip-existing    what the bucket has not yet";

/// Examples of `records`.
pub const RECORDS: &str = "\
Examples:
  provisioner records --status failed --since yesterday
  provisioner records --type 'image/*' --name '*.jpg' -n 100
  provisioner records --all > records.csv
  provisioner records --all --json | jq .sha256";

/// Examples of `logs`.
pub const LOGS: &str = "\
Examples:
  provisioner logs -f                       keep printing
  provisioner logs --file report.pdf --since 7d
  provisioner logs --errors --since today   warnings, errors, panics and time-outs
  provisioner logs --request 0123abcd --reports
  provisioner logs --since '2026-11-26 14:00' --until '2026-11-26 15:00' --json | jq .message";

/// Examples of `web`.
pub const WEB: &str = "\
Examples:
  provisioner web -s local --open           the page of the local stack, in the browser
  provisioner web -s prod --port 9000       with your credentials, for this machine only

The printed address signs one browser in. Ctrl-C ends the server.";

/// Examples of `show`.
pub const SHOW: &str = "\
Examples:
  provisioner show report.pdf               the newest record of the file of this name
  provisioner show in/report.pdf            of the object with this key
  provisioner show 46938d60-b8de-5c3e-b61f-bf1a798ecb96 --json";

/// Examples of `trace`.
pub const TRACE: &str = "\
Examples:
  provisioner trace report.pdf              everything that happened to the file of this name
  provisioner trace in/report.pdf --json    for programs: `conclusion.state` and `steps`
  provisioner trace 46938d60-b8de-5c3e-b61f-bf1a798ecb96";

/// Examples of `redrive`, and the outcomes of an event.
pub const REDRIVE: &str = "\
Examples:
  provisioner redrive --list                what the queue holds, and why; changes nothing
  provisioner redrive --dry-run             what would be sent and what would be deleted
  provisioner redrive --code SlowDown --limit 10
  provisioner redrive --name '*.pdf' --keep
  provisioner redrive --code EventNotUnderstood --discard

Outcome of an event, and what becomes of its message:
  stored           the file has a record                                  deleted
  rejected         the file has a record with the status FAILED           deleted
  duplicate        the file had a record already                          deleted
  ignored          the event leads to no record                           deleted
  unreadable       the object could not be read                           kept
  gone             the object no longer exists                            deleted after confirmation
  retry            the function failed again                              kept
  not-understood   the function cannot read the event                     kept
  failed           the function ended early: out of time, crashed         kept
  throttled        the function has no free concurrency                   kept
  no-answer        the connection was lost; the file may have a record    kept
  unknown          the function's answer is not understood                kept
  no-event         the message contains no event                          kept";

/// Examples of `forget`.
pub const FORGET: &str = "\
Examples:
  provisioner forget in/report.pdf          count versions and records, ask, delete, say what remains
  provisioner forget in/report.pdf --yes --json";

/// Examples of `rollback`.
pub const ROLLBACK: &str = "\
Examples:
  provisioner rollback -s prod              the previous code, with the template that is deployed
  provisioner rollback --template           the previous code and template
  provisioner rollback --to 1f0c2a          the code whose hash starts like this
  provisioner history                       what there is to return to

The stack file and the sources stay as they are: the next `up` deploys them.";

/// Examples of `reconcile`.
pub const RECONCILE: &str = "\
Examples:
  provisioner reconcile                     compare, and change nothing
  provisioner reconcile --fix               also process the files without a record
  provisioner reconcile --fix --now --yes   right after an outage, without a question
  provisioner reconcile --json | jq -r 'select(.event == \"finding\").key'

Exit codes: 0 bucket and table agree, 12 they do not

An interrupted run (Ctrl-C) is continued by the same command within 24 hours. The result is shown by `status`.";

/// Examples of `reprocess`.
pub const REPROCESS: &str = "\
Examples:
  provisioner reprocess --code FILE_TOO_LARGE          after files.maxSize was raised
  provisioner reprocess --handler-version 0.1.0 --type application/pdf
  provisioner reprocess --since 7d --dry-run           count the files
  provisioner reprocess scans/report.pdf --yes

A record is replaced under its id, unless a later run or event has written it meanwhile. A file that can no longer
be read keeps its record.";

/// Examples of `inspect`.
pub const INSPECT: &str = "\
Examples:
  provisioner inspect report.pdf            its record, without uploading it
  provisioner inspect scans/                every file of a folder
  curl -s https://example.com | provisioner inspect -";

/// What other tools call a command, and what does it here.
const INSTEAD: [(&str, &str); 3] = [
    ("start", "The emulator is started by: provisioner local start"),
    ("stop", "The emulator is stopped by: provisioner local stop"),
    ("update", "A stack is created and updated by: provisioner up"),
];

/// What to type instead of a command that does not exist.
pub fn instead(error: &clap::Error) -> Option<&'static str> {
    let Some(ContextValue::String(command)) = error.get(ContextKind::InvalidSubcommand) else { return None };
    INSTEAD.iter().find(|(other, _)| other == command).map(|(_, hint)| *hint)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{command, parse_from};

    fn parsed(arguments: &[&str]) -> Result<crate::cli::Cli, clap::Error> {
        let arguments = std::iter::once("provisioner").chain(arguments.iter().copied());
        parse_from(arguments.map(Into::into))
    }

    #[test]
    fn names_of_other_tools_lead_somewhere() {
        for (alias, debug) in
            [("deploy", "Up("), ("destroy", "Down("), ("diff", "Plan("), ("ls", "Records("), ("log", "Logs(")]
        {
            assert!(format!("{:?}", parsed(&[alias]).unwrap().command).starts_with(debug), "{alias}");
        }
        for (other, _) in INSTEAD {
            assert!(instead(&parsed(&[other]).unwrap_err()).is_some(), "{other}");
        }
        assert!(instead(&parsed(&["frobnicate"]).unwrap_err()).is_none());
    }

    #[test]
    fn every_variable_and_exit_code_is_listed() {
        let mut root = command();
        root.build();
        for subcommand in root.get_subcommands() {
            for variable in subcommand.get_arguments().filter_map(clap::Arg::get_env).filter_map(|name| name.to_str()) {
                assert!(LONG.contains(variable), "{variable} of {}", subcommand.get_name());
            }
        }
        let page = include_str!("../../docs/exit-codes.md");
        let codes = page.lines().filter_map(|line| line.strip_prefix("| ")?.split(' ').next()?.parse::<u8>().ok());
        for code in codes {
            assert!(LONG.lines().any(|line| line.starts_with(&format!("{code:>5}  "))), "{code}");
        }
    }

    #[test]
    fn every_example_is_a_valid_command() {
        let root = command();
        let of_commands = root.get_subcommands().filter_map(|command| command.get_after_long_help());
        let texts: Vec<String> =
            of_commands.map(ToString::to_string).chain([SHORT.to_owned(), LONG.to_owned()]).collect();
        assert!(texts.iter().any(|text| text == WEB), "the texts of the commands are read");
        for text in texts {
            for line in text.lines().filter_map(|line| line.strip_prefix("  provisioner ")) {
                let line = line.split("   ").next().unwrap();
                let line = line.split_once("  ").map_or(line, |(command, _)| command);
                let line = line
                    .split(['|', '>'])
                    .next()
                    .unwrap()
                    .replace("'2026-11-26 14:00'", "today")
                    .replace("'2026-11-26 15:00'", "now");
                let arguments: Vec<&str> = line.split_whitespace().map(|word| word.trim_matches('\'')).collect();
                assert!(parsed(&arguments).is_ok(), "{line}: {:?}", parsed(&arguments).err());
            }
        }
    }

    #[test]
    fn ranges_are_explained() {
        let error = parsed(&["records", "-n", "0"]).unwrap_err().to_string();
        assert!(error.contains("write a whole number from 1 to 10000"), "{error}");
        assert!(parsed(&["put", "x", "--parallel", "257"]).is_err());
    }
}
