//! The kinds of findings. `docs/lint.md` is made of this list.

/// How bad a finding is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Severity {
    /// AWS would reject it, or it grants too much: nothing is deployed.
    Error,
    /// It can be deployed, but will probably fail for some files or cost money.
    Warning,
}

macro_rules! codes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $severity:ident $code:literal, fix: $fix:literal;)+) => {
        /// What kind of finding it is.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum Code {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl Code {
            /// All codes, in the order of the documentation.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The code as it is printed.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $code,)+ }
            }

            /// How bad it is.
            pub fn severity(self) -> Severity {
                match self { $(Self::$variant => Severity::$severity,)+ }
            }

            /// What is wrong, in general.
            pub fn meaning(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+),)+ }
            }

            /// How to fix it, in general.
            pub fn fix(self) -> &'static str {
                match self { $(Self::$variant => $fix,)+ }
            }
        }
    };
}

codes! {
    /// A resource or an output points to something that the template does not have.
    DanglingReference = Error "dangling-reference", fix: "correct the name, or add what it names";
    /// A resource is asked for an attribute that its type does not have.
    UnknownAttribute = Error "unknown-attribute", fix: "ask for one of its attributes";
    /// Resources depend on each other in a cycle.
    Cycle = Error "cycle", fix: "make one of them refer to the other by its fixed name";
    /// A policy allows actions by a pattern.
    WildcardAction = Error "wildcard-action", fix: "name the actions in policies/*.json one by one";
    /// A policy allows its actions on everything.
    WildcardResource = Error "wildcard-resource", fix: "name the resource in policies/*.json";
    /// A name is longer or shorter than its service takes, with account and region in it.
    NameLength = Error "name-length", fix: "choose another `name` in the stack file";
    /// Memory, a time-out, temporary storage or another number is outside of what its service takes.
    OutOfRange = Error "out-of-range", fix: "choose a number in that range";
    /// The function's environment variables are larger than Lambda takes.
    EnvironmentSize = Error "environment-size", fix: "shorten `files.allowedTypes`, for example with patterns like image/*";
    /// The template's text is longer than CloudFormation takes.
    TemplateSize = Error "template-size", fix: "shorten what repeats in every resource: `tags` in the stack file";
    /// AWS would accept requests without TLS.
    NoTls = Warning "no-tls", fix: "leave `bucket.requireTls` out; only a local emulator needs it";
    /// A prefix or suffix has a character that patterns have, and S3 compares it as it is: no file may ever match.
    LiteralWildcard = Warning "literal-wildcard", fix: "leave the pattern out: `suffix: .pdf` matches every key that ends so";
    /// A prefix starts with a slash. Keys do not, unless whoever uploads gives them one.
    LeadingSlash = Warning "leading-slash", fix: "leave the slash at the start of the prefix out";
    /// The time that one file has by the clock ends before the processor time that it may take, because a small memory means a small part of a processor.
    CpuBeyondTime = Warning "cpu-beyond-time", fix: "raise `handler.memory` or `handler.timeout`, or lower `handler.childCpu`";
    /// The largest accepted file does not pass through in the time that one file has: at what S3 gives, or at what the processor that comes with the memory can hash and read.
    SizeBeyondTime = Warning "size-beyond-time", fix: "raise `handler.timeout` or `handler.memory`, or lower `files.maxSize`";
    /// A free-tier stack reserves more than 25 read or write units, table and indexes together.
    FreeTierUnits = Warning "free-tier-units", fix: "lower the shares, or pay by request with `table.billing: on-demand`";
    /// A free-tier stack has more than the ten alarms that are free.
    FreeTierAlarms = Warning "free-tier-alarms", fix: "leave some out, or allow costs with `table.billing: on-demand`";
    /// A free-tier stack counts metrics by file type and error code, of which ten are free.
    FreeTierMetrics = Warning "free-tier-metrics", fix: "leave `handler.detailedMetrics` out";
    /// A free-tier stack has a log group without a retention period.
    FreeTierLogs = Warning "free-tier-logs", fix: "give the group a retention with `handler.keepLogs`";
    /// A free-tier stack has continuous backups, which cost by size.
    FreeTierBackups = Warning "free-tier-backups", fix: "leave `table.pointInTimeRecovery` out";
    /// A free-tier stack has more temporary storage than the 512 MiB that are free, because of the largest accepted file.
    FreeTierStorage = Warning "free-tier-storage", fix: "lower `files.maxSize` to 384 MiB, or accept only text, images, audio and video";
    /// A free-tier stack encrypts with a customer managed KMS key, which is billed monthly.
    FreeTierKeys = Warning "free-tier-keys", fix: "leave the key out: data is then encrypted with an AWS owned key";
}

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
