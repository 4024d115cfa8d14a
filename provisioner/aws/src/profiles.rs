//! The profiles of the AWS configuration files, as far as this program must know them before it connects: whether the one
//! that is named exists, and what of it the SDK does not serve.

use std::borrow::Cow;
use std::path::PathBuf;

use aws_config::profile::ProfileSet;
use aws_runtime::env_config::file::EnvConfigFiles;
use aws_types::os_shim_internal::{Env, Fs};
use provisioner_model::error::{Error, Exit, Result};

/// More profiles than a chain of roles has.
const LONGEST_CHAIN: usize = 16;

/// The names of all profiles, in alphabetical order; none if the files cannot be read.
pub async fn names() -> Vec<String> {
    let set = aws_config::profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), None).await;
    let mut names: Vec<String> = set.iter().flat_map(ProfileSet::profiles).map(ToOwned::to_owned).collect();
    names.sort();
    names
}

/// The profiles, and which one is used.
#[derive(Debug)]
pub(crate) struct Profiles {
    set: ProfileSet,
    /// The profile that the command line or the environment names.
    named: Option<String>,
}

impl Profiles {
    /// Reads the files that `AWS_CONFIG_FILE` and `AWS_SHARED_CREDENTIALS_FILE` name, or those in `~/.aws`. `profile` is the
    /// one of the command line, which comes before `AWS_PROFILE`.
    ///
    /// # Errors
    /// If a file cannot be parsed, or the named profile is in none of them.
    pub(crate) async fn load(profile: Option<&str>) -> Result<Self> {
        let named = profile.map(ToOwned::to_owned).or_else(|| std::env::var("AWS_PROFILE").ok());
        let named = named.filter(|name| !name.is_empty());
        let selected = named.clone().map(Cow::Owned);
        let set = aws_config::profile::load(&Fs::real(), &Env::real(), &EnvConfigFiles::default(), selected).await;
        let set = set.map_err(|e| {
            Error::new(Exit::Access, "profile-files", "failed to read the AWS configuration files")
                .source(e)
                .hint("They are ~/.aws/config and ~/.aws/credentials, unless AWS_CONFIG_FILE or AWS_SHARED_CREDENTIALS_FILE names others.")
        })?;
        let profiles = Self { set, named };
        profiles.ensure_exists()?;
        Ok(profiles)
    }

    /// The name of the profile in use.
    pub(crate) fn selected(&self) -> &str {
        self.set.selected_profile()
    }

    /// The profile that was named, if one was.
    pub(crate) fn named(&self) -> Option<&str> {
        self.named.as_deref()
    }

    /// The certificate authorities that the profile trusts; `AWS_CA_BUNDLE` comes first (AWS SDKs and tools reference,
    /// "General configuration").
    pub(crate) fn ca_bundle(&self) -> Option<PathBuf> {
        let named = std::env::var_os("AWS_CA_BUNDLE").filter(|path| !path.is_empty());
        named.map(PathBuf::from).or_else(|| self.set.get("ca_bundle").map(PathBuf::from))
    }

    /// Fails if the profile's role is assumed with a code of an MFA device: nobody is asked for one here.
    pub(crate) fn refuse_mfa(&self) -> Result<()> {
        let mut name = self.selected();
        for _ in 0..LONGEST_CHAIN {
            let Some(profile) = self.set.get_profile(name) else { return Ok(()) };
            if profile.get("role_arn").is_some() && profile.get("mfa_serial").is_some() {
                let selected = self.selected();
                return Err(Error::new(
                    Exit::Access,
                    "mfa-profile",
                    format!("the profile {selected} needs a code of an MFA device, which this program cannot ask for"),
                )
                .hint(format!(
                    "Sign in with the AWS CLI, which asks for the code, and pass its credentials on as variables:\n\
                     eval \"$(aws configure export-credentials --profile {selected} --format env)\"\n\
                     Then run the same command without --profile and AWS_PROFILE."
                )));
            }
            match profile.get("source_profile") {
                Some(next) if next != name => name = next,
                _ => return Ok(()),
            }
        }
        Ok(())
    }

    fn ensure_exists(&self) -> Result<()> {
        let Some(name) = &self.named else { return Ok(()) };
        if self.set.get_profile(name).is_some() {
            return Ok(());
        }
        let mut known: Vec<&str> = self.set.profiles().collect();
        known.sort_unstable();
        let existing = if known.is_empty() {
            "The AWS configuration files name no profile.".to_owned()
        } else {
            format!("Existing profiles: {}", known.join(", "))
        };
        Err(Error::new(Exit::Access, "no-profile", format!("there is no profile {name}")).hint(format!(
            "{existing}\nIn ~/.aws/config the section of a profile is [profile {name}], in ~/.aws/credentials [{name}]."
        )))
    }
}
