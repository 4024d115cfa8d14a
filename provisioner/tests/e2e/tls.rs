//! Everything over TLS, as on AWS: a bucket that refuses plain HTTP, and certificates that provisioner and handler
//! verify.

use std::net::TcpStream;

use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};

use crate::program::Program;
use crate::rig::{Rig, free_port, wait_until};

/// An emulator that only accepts TLS, with a certificate of a private certificate authority.
struct Tls {
    rig: Rig,
    _emulator: Program,
}

impl Tls {
    fn start() -> Self {
        let port = free_port();
        let mut rig = Rig::on_endpoint(port);
        let folder = rig.folder().join("emulator");
        std::fs::create_dir_all(folder.join("tmp")).unwrap();
        let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
        let (authority, certificate, key) = (path("authority.pem"), path("certificate.pem"), path("key.pem"));

        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority_key = KeyPair::generate().unwrap();
        std::fs::write(&authority, params.self_signed(&authority_key).unwrap().pem()).unwrap();
        let issuer = Issuer::new(params, authority_key);
        let leaf_key = KeyPair::generate().unwrap();
        let leaf = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        std::fs::write(&certificate, leaf.signed_by(&leaf_key, &issuer).unwrap().pem()).unwrap();
        std::fs::write(&key, leaf_key.serialize_pem()).unwrap();

        let emulator = Program::start(
            "ministack",
            &[],
            &[
                ("HOME", folder.to_str().unwrap()),
                ("TMPDIR", &path("tmp")),
                ("AUTH", "true"),
                ("GATEWAY_PORT", &port.to_string()),
                ("BIND_HOST", "127.0.0.1"),
                ("IOT_MTLS_ENABLED", "0"),
                ("AWS_ENDPOINT_URL", &format!("https://127.0.0.1:{port}")),
                ("USE_SSL", "1"),
                ("MINISTACK_SSL_CERT", &certificate),
                ("MINISTACK_SSL_KEY", &key),
                // The handler inherits these: it trusts this certificate authority only.
                ("SSL_CERT_FILE", &authority),
                ("AWS_CA_BUNDLE", &authority),
            ],
        );
        wait_until("the emulator listens", || TcpStream::connect(("127.0.0.1", port)).is_ok());
        rig.set("AWS_ENDPOINT_URL", format!("https://127.0.0.1:{port}"));
        rig.set("SSL_CERT_FILE", authority);
        Self { rig, _emulator: emulator }
    }
}

#[test]
fn a_bucket_that_requires_tls_accepts_files_over_tls() {
    let Tls { mut rig, _emulator } = Tls::start();
    rig.change("bucket.requireTls", "true");

    rig.run(&["up", "--yes"]).expect(0);
    let file = rig.file("a.txt", "one two three");
    rig.run(&["put", &file, "--wait"]).expect(0);
    assert_eq!(rig.records()[0]["wordCount"], 3);

    // A server certificate of another certificate authority is refused.
    rig.set("SSL_CERT_FILE", rig.file("other.pem", other_certificate_authority()));
    let refused = rig.run(&["status"]).expect(4);
    assert!(refused.err.to_lowercase().contains("certificate"), "{}", refused.err);
}

fn other_certificate_authority() -> String {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    params.self_signed(&KeyPair::generate().unwrap()).unwrap().pem()
}
