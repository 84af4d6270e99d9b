//! ZAP: how a handler in the same process is asked who may enter, and what its answer means ([RFC 27]).
//!
//! ```text
//! request  "1.0"  id  domain  address  identity  mechanism  credentials …
//! reply    "1.0"  id  status  text     user id   metadata
//! ```
//!
//! Here are the frames, without the empty one before them, which is the sockets' business. What does not follow the
//! RFC to the letter is no answer, and so the peer does not enter: [`verdict`] fails closed.
//!
//! [RFC 27]: https://rfc.zeromq.org/spec/27/

use bytes::Bytes;

use super::MAX_NAME;
use super::auth::{Applicant, Credentials, Verdict};
use crate::wire::metadata::Metadata;

/// Where a handler is bound.
pub(crate) const ENDPOINT: &str = "inproc://zeromq.zap.01";

const VERSION: &[u8] = b"1.0";

/// Every question goes out on a connection of its own, so that one number is enough; libzmq's, too.
const ID: &[u8] = b"1";

/// The frames that ask about a peer.
pub(crate) fn request(applicant: &Applicant) -> Vec<Bytes> {
    let mut frames = vec![
        Bytes::from_static(VERSION),
        Bytes::from_static(ID),
        Bytes::from(applicant.domain.as_bytes().to_vec()),
        Bytes::from(address(applicant).to_owned()),
        // Of the socket that asks, as libzmq does: nobody knows the peer's yet.
        applicant.routing_id.clone(),
        Bytes::from_static(applicant.mechanism.as_bytes()),
    ];
    match &applicant.credentials {
        Credentials::None => {}
        Credentials::Plain { username, password } => {
            frames.push(username.clone());
            frames.push(Bytes::copy_from_slice(password.expose()));
        }
        #[cfg(feature = "curve")]
        Credentials::Curve(key) => frames.push(Bytes::copy_from_slice(key.as_bytes())),
    }
    frames
}

/// The numeric address alone, without the port; over ipc `:uid:gid:pid`, as libzmq has it.
fn address(applicant: &Applicant) -> &str {
    let address = &*applicant.address;
    if applicant.endpoint.scheme() != "tcp" {
        return address;
    }
    let host = address.rsplit_once(':').map_or(address, |(host, _)| host);
    host.strip_prefix('[')
        .and_then(|host| host.strip_suffix(']'))
        .unwrap_or(host)
}

/// What a handler's reply says about the peer that was asked about.
pub(crate) fn verdict(reply: &[&[u8]]) -> Verdict {
    match read(reply) {
        Ok(verdict) => verdict,
        Err(problem) => Verdict::fail(format!("malformed reply of the ZAP handler: {problem}")),
    }
}

fn read(reply: &[&[u8]]) -> Result<Verdict, String> {
    let [version, id, status, text, user_id, metadata] = reply else {
        return Err(format!("expected 6 frames, found {}", reply.len()));
    };
    if *version != VERSION {
        return Err(format!("expected version 1.0, found {}", version.escape_ascii()));
    }
    if *id != ID {
        return Err("it answers another question".to_owned());
    }
    if text.len() > MAX_NAME || user_id.len() > MAX_NAME {
        return Err("its text or user id has more than 255 bytes".to_owned());
    }
    let why = || match text {
        [] => "without a reason".to_owned(),
        text => String::from_utf8_lossy(text).into_owned(),
    };
    match *status {
        b"200" => admit(user_id, metadata),
        b"300" => Ok(Verdict::not_now(why())),
        b"400" => Ok(Verdict::refuse(why())),
        b"500" => Ok(Verdict::fail(why())),
        other => {
            let found = other.get(..MAX_STATUS).unwrap_or(other).escape_ascii();
            Err(format!(
                "expected a status of 200, 300, 400 or 500, found {found}"
            ))
        }
    }
}

fn admit(user_id: &[u8], metadata: &[u8]) -> Result<Verdict, String> {
    let user_id = str::from_utf8(user_id).map_err(|_| "its user id is not text")?;
    if user_id.contains(char::is_control) {
        return Err("its user id has control characters".to_owned());
    }
    let verdict = match user_id {
        "" => Verdict::accept(),
        user_id => Verdict::accept_as(user_id),
    };
    // What the peer is and is called cannot be said here: of these the peer's own word counts, or the user id above.
    let properties = Metadata::decode(metadata)
        .map_err(|error| error.to_string())?
        .others;
    Ok(properties
        .into_iter()
        .fold(verdict, |verdict, (name, value)| verdict.property(name, value)))
}

/// So much of a wrong status is shown.
const MAX_STATUS: usize = 16;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mechanism::auth::Password;

    fn asked(endpoint: &str, address: &str, credentials: Credentials) -> Vec<Vec<u8>> {
        let applicant = Applicant {
            endpoint: endpoint.parse().expect("an endpoint"),
            address: address.into(),
            process: None,
            mechanism: "PLAIN",
            domain: "jobs".into(),
            routing_id: "me".into(),
            credentials,
        };
        request(&applicant).iter().map(|frame| frame.to_vec()).collect()
    }

    #[test]
    fn trap_19_a_request_has_the_frames_of_the_specification_and_the_identity_is_our_own() {
        let credentials = Credentials::Plain {
            username: "ann".into(),
            password: Password::new(b"pw"),
        };
        let expected = ["1.0", "1", "jobs", "10.0.0.1", "me", "PLAIN", "ann", "pw"];
        assert_eq!(
            asked("tcp://10.0.0.2:5555", "10.0.0.1:49153", credentials),
            expected.map(|frame| frame.as_bytes().to_vec())
        );
        #[cfg(feature = "curve")]
        {
            let key = Credentials::Curve([7; 32].into());
            let frames = asked("tcp://10.0.0.2:5555", "10.0.0.1:1", key);
            assert_eq!(frames[6..], [[7; 32]]);
        }
    }

    #[test]
    fn an_address_is_numeric_and_has_no_port() {
        for (endpoint, address, expected) in [
            ("tcp://10.0.0.2:5555", "10.0.0.1:49153", "10.0.0.1"),
            ("tcp://[::1]:5555", "[::1]:49153", "::1"),
            ("tcp://[::1]:5555", "[fe80::1%2]:49153", "fe80::1%2"),
            ("ipc:///tmp/jobs", ":1000:100:77", ":1000:100:77"),
        ] {
            let frames = asked(endpoint, address, Credentials::None);
            assert_eq!((frames.len(), &frames[3][..]), (6, expected.as_bytes()));
        }
    }

    fn reply<'a>(status: &'a [u8], text: &'a [u8], user_id: &'a [u8], metadata: &'a [u8]) -> [&'a [u8]; 6] {
        [b"1.0", b"1", status, text, user_id, metadata]
    }

    #[test]
    fn each_status_is_the_verdict_of_that_name() {
        for (status, text, expected) in [
            (&b"200"[..], &b""[..], Verdict::accept()),
            (b"200", b"OK", Verdict::accept()),
            (b"300", b"later", Verdict::not_now("later")),
            (b"400", b"no", Verdict::refuse("no")),
            (b"400", b"", Verdict::refuse("without a reason")),
            (b"400", b"n\no\xFF", Verdict::refuse("n\no\u{FFFD}")),
            (b"500", b"away", Verdict::fail("away")),
        ] {
            assert_eq!(verdict(&reply(status, text, b"", b"")), expected);
        }
        // Who may not enter is not known by anything either.
        let refused = verdict(&reply(b"400", b"no", b"ann", b"not metadata"));
        assert_eq!(refused, Verdict::refuse("no"));
    }

    #[test]
    fn who_is_let_in_is_known_by_user_id_and_metadata() {
        let metadata = b"\x06X-Role\0\0\0\x05admin\x07User-Id\0\0\0\x04root\x0BSocket-Type\0\0\0\x03PUB";
        assert_eq!(
            verdict(&reply(b"200", b"", b"ann", metadata)),
            Verdict::accept_as("ann").property("X-Role", "admin")
        );
    }

    #[test]
    fn row_18_a_malformed_reply_lets_nobody_in() {
        let long = [b'x'; 256];
        let good = reply(b"200", b"", b"", b"");
        let table: [(&[&[u8]], &str); 17] = [
            (&[], "expected 6 frames, found 0"),
            (&good[..5], "expected 6 frames, found 5"),
            (&[&good[..], &[b""]].concat(), "expected 6 frames, found 7"),
            (
                &[b"", b"1.0", b"1", b"200", b"", b"", b""],
                "expected 6 frames, found 7",
            ),
            (
                &[b"2.0", b"1", b"200", b"", b"", b""],
                "expected version 1.0, found 2.0",
            ),
            (
                &[b"", b"1", b"200", b"", b"", b""],
                "expected version 1.0, found ",
            ),
            (
                &[b"1.0", b"2", b"200", b"", b"", b""],
                "it answers another question",
            ),
            (
                &[b"1.0", b"", b"200", b"", b"", b""],
                "it answers another question",
            ),
            (
                &reply(b"", b"", b"", b""),
                "expected a status of 200, 300, 400 or 500, found ",
            ),
            (
                &reply(b"201", b"", b"", b""),
                "expected a status of 200, 300, 400 or 500, found 201",
            ),
            (
                &reply(b"200 ", b"", b"", b""),
                "expected a status of 200, 300, 400 or 500, found 200 ",
            ),
            (
                &reply(b"2\n", b"", b"", b""),
                "expected a status of 200, 300, 400 or 500, found 2\\n",
            ),
            (
                &reply(b"200", &long, b"", b""),
                "its text or user id has more than 255 bytes",
            ),
            (
                &reply(b"200", b"", &long, b""),
                "its text or user id has more than 255 bytes",
            ),
            (&reply(b"200", b"", b"\xFF", b""), "its user id is not text"),
            (
                &reply(b"200", b"", b"a\nb", b""),
                "its user id has control characters",
            ),
            (
                &reply(b"200", b"", b"", b"\x01X"),
                "malformed metadata: a property ends beyond the command",
            ),
        ];
        for (frames, problem) in table {
            let expected = Verdict::fail(format!("malformed reply of the ZAP handler: {problem}"));
            assert_eq!(verdict(frames), expected);
        }
    }
}
