//! What is wrong with profiles, credentials, regions, proxies, certificates and networks, and that the message names it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::{Receiver, channel};

use fake_aws::{Fake, Fault, REGION, Response};
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::world::Ran;

/// A home folder with a stack file.
struct Machine(tempfile::TempDir);

impl Machine {
    fn new() -> Self {
        Self::with_stack(&format!("name: shop\nregion: {REGION}\ndata: delete\n"))
    }

    fn with_stack(stack: &str) -> Self {
        let machine = Self(tempfile::tempdir().unwrap());
        std::fs::create_dir(machine.path().join(".aws")).unwrap();
        std::fs::write(machine.path().join("shop.yaml"), stack).unwrap();
        machine
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn aws_file(&self, name: &str, content: &str) {
        std::fs::write(self.path().join(".aws").join(name), content).unwrap();
    }

    /// `down`, which ends with 0 where there is no stack, with these arguments and variables.
    fn down(&self, arguments: &[&str], variables: &[(&str, &str)]) -> Ran {
        let mut command = Command::new(env!("CARGO_BIN_EXE_provisioner"));
        command
            .args(["down", "--yes", "-s", "shop.yaml"])
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.path())
            .envs(variables.iter().copied())
            .stdin(Stdio::null());
        Ran::of(&command.output().unwrap())
    }
}

const KEYS: [(&str, &str); 2] = [("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"), ("AWS_SECRET_ACCESS_KEY", "secret")];

fn with_keys<'a>(variables: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    [&KEYS, variables].concat()
}

/// A configuration file, arguments, variables, and what is said.
type Row<'a> = (&'a str, &'a [&'a str], &'a [(&'a str, &'a str)], &'a [&'a str]);

#[test]
fn what_is_wrong_with_a_profile_is_named_before_anything_is_called() {
    let keys = "aws_access_key_id = A\naws_secret_access_key = s\n";
    let role = "role_arn = arn:aws:iam::123456789012:role/r\n";
    let mfa = "mfa_serial = arn:aws:iam::123456789012:mfa/me\n";
    let sso = "sso_session = corp\nsso_account_id = 123456789012\nsso_role_name = Dev\n\
               [sso-session corp]\nsso_start_url = https://corp.awsapps.com/start\nsso_region = eu-central-1\n";
    let work = format!("[profile work]\n{keys}");
    let no_prefix = format!("[work]\n{keys}");
    let with_bom = format!("\u{feff}{work}");
    let with_role = format!("[profile mfa]\n{role}{mfa}source_profile = work\n{work}");
    let in_chain = format!("[profile outer]\n{role}source_profile = mfa\n{with_role}");
    let signed_off = format!("[profile corp]\n{sso}");
    let (flag, variable) = (&["--profile", "nope"][..], &[("AWS_PROFILE", "nope")][..]);
    let rows: [Row; 10] = [
        (&work, flag, &[], &["there is no profile nope", "Existing profiles: work"]),
        (&work, &[], variable, &["there is no profile nope", "Existing profiles: work"]),
        ("", &[], variable, &["there is no profile nope", "name no profile"]),
        (&no_prefix, &["--profile", "work"], &[], &["there is no profile work", "[profile work]"]),
        (&with_bom, &["--profile", "work"], &[], &["failed to read the AWS configuration files", "~/.aws/config"]),
        ("[profile work\n", &["--profile", "work"], &[], &["failed to read the AWS configuration files"]),
        (&with_role, &["--profile", "mfa"], &[], &["MFA", "export-credentials --profile mfa --format env"]),
        (&in_chain, &[], &[("AWS_PROFILE", "outer")], &["MFA", "export-credentials --profile outer"]),
        (&signed_off, &["--profile", "corp"], &[], &["aws sso login --profile corp"]),
        (&signed_off, &[], &[("AWS_PROFILE", "corp")], &["aws sso login --profile corp"]),
    ];
    for (config, arguments, variables, said) in rows {
        let machine = Machine::new();
        if !config.is_empty() {
            machine.aws_file("config", config);
        }
        let ran = machine.down(arguments, variables);
        assert_eq!(ran.code, Some(4), "{config}: {ran:#?}");
        for words in said {
            assert!(ran.err.contains(words), "{words:?} is missing for {config}: {ran:#?}");
        }
    }
}

#[test]
fn a_region_that_is_none_is_refused_wherever_it_comes_from() {
    let fake = Fake::start();
    let machine = Machine::with_stack("name: shop\ndata: delete\n");
    machine.aws_file("config", "[default]\nregion = Europe\n");
    for (arguments, variables, region) in [
        (&["--region", "Frankfurt"][..], &[][..], "Frankfurt"),
        (&[], &[("AWS_REGION", "eu-central1")], "eu-central1"),
        (&[], &[], "Europe"),
    ] {
        let url = fake.url();
        let arguments = [arguments, &["--endpoint-url", &url]].concat();
        let ran = machine.down(&arguments, &with_keys(variables));
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        assert!(ran.err.contains(&format!("{region:?} is not a region")), "{ran:#?}");
    }
    assert!(fake.calls().is_empty());
}

#[test]
fn the_first_answer_shows_what_is_wrong() {
    let html = "<!DOCTYPE html><html><body>Sign in to Hotel Wi-Fi</body></html>";
    let page = |status: u16| Fault::Answer(Response::new(status, html).with("content-type", "text/html"));
    let rows: [(Fault, Option<i32>, &[&str]); 10] = [
        (
            Fault::error(403, "SignatureDoesNotMatch", "Signature expired: 20261126T1500Z is now earlier than …"),
            Some(4),
            &["Signature expired", "The clock of this machine is wrong"],
        ),
        (Fault::error(403, "RequestTimeTooSkewed", "skewed"), Some(4), &["The clock of this machine is wrong"]),
        (Fault::error(403, "SignatureDoesNotMatch", "differs"), Some(4), &["Check the access key and its secret"]),
        (
            Fault::error(403, "InvalidClientTokenId", "The security token included in the request is invalid."),
            Some(4),
            &["Check the access key", "is eu-central-1 enabled?"],
        ),
        (Fault::error(403, "AccessDenied", "no"), Some(4), &["provisioner synth --permissions"]),
        (page(200), Some(4), &["not AWS answered", "HTTP status 200", "proxy"]),
        (page(403), Some(4), &["not AWS answered", "HTTP status 403"]),
        (page(501), Some(4), &["not AWS answered"]),
        // Load balancers before AWS's services answer like this too.
        (page(503), Some(1), &["run the same command again"]),
        (Fault::error(503, "ServiceUnavailable", "busy"), Some(1), &["run the same command again"]),
    ];
    for (fault, code, said) in rows {
        let fake = Fake::start();
        fake.inject(fake_aws::Rule::on("sts:GetCallerIdentity", fault.clone()).always());
        let ran = Machine::new().down(&["--endpoint-url", &fake.url()], &with_keys(&[]));
        assert_eq!(ran.code, code, "{fault:?}: {ran:#?}");
        for words in said {
            assert!(ran.err.contains(words), "{words:?} is missing for {fault:?}: {ran:#?}");
        }
        for inside in ["dispatch failure", "StartEl", "client error", "panicked", "Unhandled"] {
            assert!(!ran.err.contains(inside), "{inside:?}: {ran:#?}");
        }
    }
}

#[test]
fn a_service_that_cannot_be_reached_is_named_and_credentials_are_not_blamed() {
    // Nobody listens there, and no other test can.
    let url = "http://127.0.0.1:1";
    let machine = Machine::new();
    machine.aws_file(
        "config",
        "[profile role]\nrole_arn = arn:aws:iam::123456789012:role/r\nsource_profile = base\n\
         [profile base]\naws_access_key_id = A\naws_secret_access_key = s\n",
    );
    for (arguments, variables) in [
        (&["--endpoint-url", url][..], with_keys(&[])),
        (&["--profile", "role"], vec![("AWS_ENDPOINT_URL", url)]),
        (&[], vec![("AWS_ENDPOINT_URL", url), ("AWS_PROFILE", "role")]),
    ] {
        let ran = machine.down(arguments, &variables);
        assert_eq!(ran.code, Some(4), "{ran:#?}");
        assert!(ran.err.contains("no answer from 127.0.0.1") && ran.err.contains("Check the network"), "{ran:#?}");
        assert!(ran.err.contains("refused") && !ran.err.contains("three ways"), "{ran:#?}");
    }
}

#[test]
fn variables_that_are_set_to_nothing_count_as_not_set() {
    let fake = Fake::start();
    let url = fake.url();
    let machine = Machine::new();
    let empty = [
        "AWS_ENDPOINT_URL_S3",
        "AWS_REGION",
        "AWS_PROFILE",
        "AWS_CA_BUNDLE",
        "AWS_SESSION_TOKEN",
        "AWS_MAX_ATTEMPTS",
        "PROVISIONER_STACK",
        "PROVISIONER_HANDLER",
        "PROVISIONER_ROLE_ARN",
        "PROVISIONER_EXTERNAL_ID",
        "PROVISIONER_ROLE_SESSION_NAME",
        "PROVISIONER_CLOUDFORMATION_ROLE_ARN",
        "PROVISIONER_NO_VERIFY",
    ]
    .map(|name| (name, ""));
    let ran = machine.down(&["--endpoint-url", &url], &with_keys(&empty));
    assert_eq!((ran.code, fake.count("sts:AssumeRole")), (Some(0), 0), "{ran:#?}");
    // Without an endpoint, AWS is called. A proxy is between, so that nothing leaves this machine.
    let proxy = Proxy::start();
    let ran = machine.down(&[], &with_keys(&[("AWS_ENDPOINT_URL", ""), ("HTTPS_PROXY", &proxy.url)]));
    assert_eq!(ran.code, Some(4), "{ran:#?}");
    assert!(ran.err.contains("no answer from sts.eu-central-1.amazonaws.com"), "{ran:#?}");
}

/// A proxy that tells the first line of each request, and lets nothing through.
struct Proxy {
    url: String,
    lines: Receiver<String>,
}

impl Proxy {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let (send, lines) = channel();
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let mut stream = stream.unwrap();
                let mut line = String::new();
                let _ = BufReader::new(&stream).read_line(&mut line);
                let _ = stream.write_all(b"HTTP/1.1 502 Bad Gateway\r\ncontent-length: 0\r\n\r\n");
                if send.send(line.trim_end().to_owned()).is_err() {
                    return;
                }
            }
        });
        Self { url, lines }
    }
}

#[test]
fn proxies_of_the_environment_are_used_except_for_this_machine() {
    let fake = Fake::start();
    let machine = Machine::new();
    let (away, here) = ("http://aws.invalid", fake.url());
    for (variable, endpoint, no_proxy, expected) in [
        ("HTTPS_PROXY", "https://aws.invalid", "", Some("CONNECT aws.invalid:443 HTTP/1.1")),
        ("https_proxy", "https://aws.invalid", "", Some("CONNECT aws.invalid:443 HTTP/1.1")),
        ("ALL_PROXY", "https://aws.invalid", "", Some("CONNECT aws.invalid:443 HTTP/1.1")),
        ("HTTP_PROXY", away, "", Some("POST http://aws.invalid/ HTTP/1.1")),
        ("HTTPS_PROXY", away, "", None),
        ("HTTP_PROXY", away, "aws.invalid", None),
        ("HTTPS_PROXY", "https://sts.aws.invalid", ".invalid", None),
        ("HTTP_PROXY", &here, "", None),
    ] {
        let proxy = Proxy::start();
        let variables = with_keys(&[(variable, &proxy.url), ("NO_PROXY", no_proxy)]);
        let ran = machine.down(&["--endpoint-url", endpoint], &variables);
        assert_eq!(proxy.lines.try_recv().ok().as_deref(), expected, "{variable} {endpoint}: {ran:#?}");
        if endpoint == here {
            assert_eq!(ran.code, Some(0), "{ran:#?}");
        } else if endpoint.starts_with("https") {
            assert!(ran.err.contains(&format!("{variable} names a proxy")), "{ran:#?}");
        }
    }
}

/// A TLS server with a certificate of its own authority; its answer to everything is that access is denied.
fn tls_server(folder: &Path) -> (String, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority_key = KeyPair::generate().unwrap();
    let authority = folder.join("authority.pem");
    std::fs::write(&authority, params.self_signed(&authority_key).unwrap().pem()).unwrap();
    let key = KeyPair::generate().unwrap();
    let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    let certificate = leaf.signed_by(&key, &Issuer::new(params, authority_key)).unwrap();
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let key = rustls::pki_types::PrivateKeyDer::try_from(key.serialize_der()).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            deny(stream.unwrap(), &config);
        }
    });
    (url, authority.to_str().unwrap().to_owned())
}

fn deny(stream: TcpStream, config: &Arc<rustls::ServerConfig>) {
    let connection = rustls::ServerConnection::new(Arc::clone(config)).unwrap();
    let mut stream = rustls::StreamOwned::new(connection, stream);
    // A client that trusts nobody here ends the handshake.
    if stream.read(&mut [0; 4096]).is_ok() {
        let body = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>";
        let head = format!("HTTP/1.1 403 Forbidden\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
        let _ = stream.write_all((head + body).as_bytes());
        stream.conn.send_close_notify();
        let _ = stream.flush();
    }
}

#[test]
fn the_certificate_authorities_that_are_named_are_trusted_and_no_others() {
    let machine = Machine::new();
    let (url, authority) = tls_server(machine.path());
    let other = machine.path().join("other.pem");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    std::fs::write(&other, params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()).unwrap();
    let other = other.to_str().unwrap();

    let connect = |variables: &[(&str, &str)]| machine.down(&["--endpoint-url", &url], &with_keys(variables));
    for variables in [&[("AWS_CA_BUNDLE", authority.as_str())], &[("SSL_CERT_FILE", authority.as_str())]] {
        let trusted = connect(variables);
        assert!(trusted.code == Some(4) && trusted.err.contains("synth --permissions"), "{trusted:#?}");
    }
    let refused = connect(&[("AWS_CA_BUNDLE", other), ("SSL_CERT_FILE", &authority)]);
    assert_eq!(refused.code, Some(4), "{refused:#?}");
    assert!(
        refused.err.contains("invalid peer certificate") && refused.err.contains("with AWS_CA_BUNDLE"),
        "{refused:#?}"
    );
    let missing = connect(&[("AWS_CA_BUNDLE", "/nowhere.pem")]);
    assert!(missing.code == Some(4) && missing.err.contains("/nowhere.pem cannot be read"), "{missing:#?}");
    machine.aws_file("config", &format!("[profile corp]\nca_bundle = {authority}\n"));
    let by_profile = connect(&[("AWS_PROFILE", "corp")]);
    assert!(by_profile.err.contains("synth --permissions"), "{by_profile:#?}");
}
