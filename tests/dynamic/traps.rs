//! Traps of the wire that lie in libzmq's options: `docs/traps.md`.

use hubless::dynamic::{Errno, kind, option};

use crate::library::{Calls, Library, Ours, Theirs};

/// libzmq's manual says messages.
#[test]
fn trap_20_sizes_of_batches_are_bytes_and_decide_nothing_about_messages() {
    fn check<L: Library>(library: &L) {
        let (pull, push) = (library.socket(kind::PULL), library.socket(kind::PUSH));
        for (socket, number) in [(&pull, option::IN_BATCH_SIZE), (&push, option::OUT_BATCH_SIZE)] {
            assert_eq!(socket.get_int(number), Ok(8192), "so many messages are no batch");
            assert_eq!(socket.set_int(number, 64), Ok(()));
            assert_eq!(socket.get_int(number), Ok(64));
        }
        push.connect(&pull.listen()).expect("an endpoint");
        // More messages than that, and more bytes.
        for size in (0..200).chain([10_000]) {
            push.send(&vec![7; size], 0).expect("there is room");
        }
        for size in (0..200).chain([10_000]) {
            assert_eq!(pull.recv(0), Ok(vec![7; size]));
        }
    }
    check(&Ours::new());
    check(&Theirs::new());
}

const NULL: i32 = 0;
const PLAIN: i32 = 1;
const CURVE: i32 = 2;

#[test]
fn trap_23_a_name_or_a_key_chooses_the_mechanism_and_no_server_is_none_at_all() {
    fn check<L: Library>(library: &L) {
        let socket = library.socket(kind::PULL);
        let is = |number: i32, value: &[u8], mechanism: i32, plain_server: i32| {
            assert_eq!(socket.set(number, value), Ok(()), "{number}");
            assert_eq!(socket.get_int(option::MECHANISM), Ok(mechanism), "after {number}");
            let is_server = socket.get_int(option::PLAIN_SERVER);
            assert_eq!(is_server, Ok(plain_server), "after {number}");
        };
        let (on, off) = (1_i32.to_ne_bytes(), 0_i32.to_ne_bytes());
        is(option::PLAIN_USERNAME, b"ann", PLAIN, 0);
        is(option::PLAIN_SERVER, &off, NULL, 0);
        is(option::PLAIN_SERVER, &on, PLAIN, 1);
        is(option::PLAIN_PASSWORD, b"secret", PLAIN, 0);
        for (number, key) in [
            (option::CURVE_PUBLICKEY, [7; 32]),
            (option::CURVE_SECRETKEY, [8; 32]),
            (option::CURVE_SERVERKEY, [9; 32]),
        ] {
            is(number, &key, CURVE, 0);
            is(option::CURVE_SERVER, &off, NULL, 0);
        }
        is(option::CURVE_SERVER, &on, CURVE, 0);
        is(option::PLAIN_SERVER, &off, NULL, 0);
        // And that is what it speaks: with whoever has no mechanism.
        let push = library.socket(kind::PUSH);
        push.connect(&socket.listen()).expect("an endpoint");
        push.send(b"in the clear", 0).expect("there is room");
        assert_eq!(socket.recv(0), Ok(b"in the clear".to_vec()));
    }
    check(&Ours::new());
    check(&Theirs::new());
}

/// libzmq takes the keys that it was not told for zeros: it is its peers that say no.
#[test]
fn where_libzmq_comes_without_a_key_a_socket_here_is_refused() {
    fn comes<L: Library>(library: &L, keys: &[i32]) -> Result<(), Errno> {
        let socket = library.socket(kind::PUSH);
        for number in keys {
            socket.set(*number, &[9; 32]).expect("a key");
        }
        socket.connect("tcp://127.0.0.1:1")
    }
    for keys in [&[option::CURVE_SERVERKEY][..], &[option::CURVE_SECRETKEY]] {
        assert_eq!(comes(&Ours::new(), keys), Err(Errno::EINVAL), "{keys:?}");
        assert_eq!(comes(&Theirs::new(), keys), Ok(()), "{keys:?}");
    }
}
