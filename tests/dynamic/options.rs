//! Every number, on every kind, with values of every form: taken, refused and told as libzmq does.

use std::collections::BTreeMap;

use hubless::dynamic::option::{self, OptionInfo};
use hubless::dynamic::{Context, Errno, flag, kind};

use crate::library::{Answer, Calls, KINDS, Library, Ours, Theirs};

/// The options that answer otherwise than libzmq's, and why.
const DEVIATIONS: &[(i32, &str)] = &[
    (
        option::LINGER,
        "30 s where libzmq waits for ever, and 0 for subscribers",
    ),
    (option::BACKLOG, "4096, as the kernel has it"),
    (option::RECONNECT_IVL_MAX, "5 s, so that nobody hammers"),
    (option::MAXMSGSIZE, "256 MiB where libzmq has no limit"),
    (option::HANDSHAKE_IVL, "10 s"),
    (option::TCP_KEEPALIVE, "on, so that a dead peer is noticed"),
    (option::TCP_KEEPALIVE_CNT, "3"),
    (option::TCP_KEEPALIVE_IDLE, "30 s"),
    (option::TCP_KEEPALIVE_INTVL, "10 s"),
    (option::ZAP_ENFORCE_DOMAIN, "on: who decides must be there"),
    (option::THREAD_SAFE, "every socket is"),
    (option::IPV6, "always: the endpoint says which"),
    (option::IPV4ONLY, "never"),
    (
        option::ROUTING_ID,
        "the first byte is not 0: such names are made up here",
    ),
    (option::TOS, "one byte, where libzmq takes any number"),
    (option::MULTICAST_HOPS, "one byte, where libzmq takes any number"),
    (option::BUSY_POLL, "can be read: libzmq forgets to answer"),
    (
        option::XSUB_VERBOSE_UNSUBSCRIBE,
        "a number of four bytes, not negative, which libzmq does not look at",
    ),
    (
        option::FD,
        "a number of the system's; also of the kinds that libzmq has for several threads",
    ),
    (41, "ZMQ_ROUTER_RAW: there is STREAM"),
    (68, "ZMQ_SOCKS_PROXY: not there"),
    (89, "ZMQ_USE_FD: taking over a descriptor takes unsafe code"),
    (99, "ZMQ_SOCKS_USERNAME: not there"),
    (100, "ZMQ_SOCKS_PASSWORD: not there"),
];

/// All numbers that libzmq has, and some that it has not.
const NUMBERS: std::ops::Range<i32> = 0..130;

/// The same of both libraries, if it can be told: of what size, and what.
fn told(socket: &impl Calls, number: i32) -> Answer<Vec<u8>> {
    let sizes = [4, 8, 32, 1024];
    let answers = sizes.map(|size| socket.get(number, size));
    let found = answers
        .into_iter()
        .find(Result::is_ok)
        .unwrap_or(Err(Errno::EINVAL))?;
    Ok(match TEXTS.contains(&number) {
        true => found.into_iter().filter(|byte| *byte != 0).collect(),
        false => found,
    })
}

/// They end with a zero in C.
const TEXTS: [i32; 5] = [
    option::LAST_ENDPOINT,
    option::PLAIN_USERNAME,
    option::PLAIN_PASSWORD,
    option::ZAP_DOMAIN,
    option::BINDTODEVICE,
];

fn values() -> Vec<Vec<u8>> {
    let numbers = [-2, -1, 0, 1, 2, 3, 4, 100, 255, 256, 1000, 70_000, i32::MAX];
    let mut values: Vec<Vec<u8>> = numbers
        .iter()
        .map(|number| number.to_ne_bytes().to_vec())
        .collect();
    for length in [1, 3, 5, 8, 16, 17, 31, 32, 33, 40, 41, 255, 256] {
        values.push(vec![b'a'; length]);
    }
    values.push(b"X-name:value".to_vec());
    values.push(b"X-name:".to_vec());
    values.push(b"name:value".to_vec());
    values.push(b"127.0.0.1".to_vec());
    values.push(b"rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7".to_vec());
    values
}

/// What a library says to all of this, of one kind: by number.
fn answers<L: Library>(library: &L, kind: i32) -> BTreeMap<i32, Vec<String>> {
    let mut answers = BTreeMap::new();
    for number in NUMBERS {
        // What is ready when is another test's matter.
        if number == option::EVENTS {
            continue;
        }
        let socket = library.bare(kind).expect("there are such sockets");
        let said: &mut Vec<String> = answers.entry(number).or_default();
        said.push(format!("is {:?}", told(&socket, number)));
        // An empty filter takes the others back, if it is no pointer, which Rust has none of.
        for value in values() {
            let set = socket.set(number, &value);
            let now = told(&socket, number);
            said.push(format!("{value:?} → {set:?}, is {now:?}"));
        }
    }
    answers
}

#[test]
fn every_option_of_every_kind_answers_as_libzmq_does() {
    let (ours, theirs) = (Ours::new(), Theirs::new());
    let mut differences = Vec::new();
    let mut differing = Vec::new();
    for (kind, name) in KINDS {
        let (ours, theirs) = (answers(&ours, kind), answers(&theirs, kind));
        for number in NUMBERS.filter(|number| *number != option::EVENTS) {
            let pairs = ours[&number].iter().zip(&theirs[&number]);
            let mut unlike = pairs.filter(|(ours, theirs)| ours != theirs).peekable();
            if unlike.peek().is_some() {
                differing.push(number);
            }
            if DEVIATIONS.iter().any(|(known, _)| *known == number) {
                continue;
            }
            differences.extend(
                unlike.map(|(ours, theirs)| format!("{name} {number}: {ours}\n    libzmq: {theirs}")),
            );
        }
    }
    assert!(differences.is_empty(), "\n{}", differences.join("\n"));
    for (number, why) in DEVIATIONS {
        assert!(
            differing.contains(number),
            "{number} is no deviation any more: {why}"
        );
    }
}

#[test]
fn what_is_fixed_can_be_said_until_the_socket_is_used_and_what_is_live_after_that() {
    let context = Context::new();
    for option in option::ALL.iter().filter(|option| option.is_writable()) {
        let kinds = KINDS.map(|(kind, _)| kind).into_iter();
        for kind in kinds.filter(|kind| option.is_taken_by(*kind) && *kind != kind::DGRAM) {
            let socket = context.socket(kind).expect("there are such sockets");
            let values = [
                &1i32.to_ne_bytes()[..],
                &7i64.to_ne_bytes(),
                b"X-name:value",
                b"127.0.0.1",
                &[b'x'; 32],
            ];
            let fits = |value: &&&[u8]| {
                context
                    .socket(kind)
                    .is_ok_and(|other| other.set_option(option.number(), value).is_ok())
            };
            let Some(value) = values.iter().find(fits) else {
                // A publisher whose program does not decide takes no subscriptions.
                assert!(
                    matches!(option.number(), option::SUBSCRIBE | option::UNSUBSCRIBE),
                    "{}",
                    option.name()
                );
                continue;
            };
            let _ = socket.recv_message(flag::DONTWAIT);
            let _ = socket.connect("inproc://nobody");
            let is_as_before = socket.option(option.number()).is_ok_and(|told| told == *value);
            let expected = if option.is_live() || is_as_before {
                Ok(())
            } else {
                Err(Errno::EINVAL)
            };
            assert_eq!(
                socket.set_option(option.number(), value),
                expected,
                "{} of {kind}",
                option.name()
            );
        }
    }
}

#[test]
fn a_socket_that_contradicts_itself_is_refused_when_it_is_used() {
    let context = Context::new();
    let push = context.socket(kind::PUSH).expect("a socket");
    push.set_int_option(option::CONFLATE, 1).expect("a value");
    push.set_int_option(option::IMMEDIATE, 1).expect("a value");
    assert_eq!(push.bind("inproc://contradiction"), Err(Errno::EINVAL));
    push.set_int_option(option::IMMEDIATE, 0).expect("a value");
    assert_eq!(push.bind("inproc://contradiction"), Ok(()));
}

/// The table in the documents is the one in the code.
#[test]
fn the_documented_table_is_that_of_the_code() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/options.md");
    let text = std::fs::read_to_string(path).expect("the document is there");
    let (begin, end) = ("<!-- numbers -->\n", "<!-- end of numbers -->\n");
    let before = text.find(begin).expect("the table begins") + begin.len();
    let after = text.find(end).expect("the table ends");
    let table = table();
    if std::env::var_os("UPDATE_DOCUMENTS").is_some() {
        let text = [&text[..before], &table, &text[after..]].concat();
        std::fs::write(path, text).expect("the document can be written");
        return;
    }
    assert_eq!(
        &text[before..after],
        table,
        "UPDATE_DOCUMENTS=1 cargo test --test dynamic writes it"
    );
}

fn table() -> String {
    let mut table =
        String::from("| | option | kinds | can be set | differs from libzmq |\n|---|---|---|---|---|\n");
    for option in option::ALL {
        let kinds = KINDS
            .iter()
            .filter(|(kind, _)| option.is_taken_by(*kind))
            .map(|(_, name)| *name);
        let kinds: Vec<_> = kinds.collect();
        let kinds = match kinds.len() {
            21 => "all".to_owned(),
            _ => kinds.join(", "),
        };
        let when = match (option.is_writable(), option.is_live(), option.is_hint()) {
            (false, ..) => "never",
            (_, true, _) => "at any time",
            (_, _, true) => "before use; nothing depends on it",
            _ => "before use",
        };
        let known = DEVIATIONS.iter().find(|(number, _)| *number == option.number());
        let why = known.map_or("", |(_, why)| why);
        let (number, name) = (OptionInfo::number(option), option.name());
        table += &format!("| {number} | `ZMQ_{name}` | {kinds} | {when} | {why} |\n");
    }
    table
}
