//! Kinds of sockets by libzmq's numbers.

macro_rules! kinds {
    ($($name:ident $number:literal)*) => {
        $(
            #[doc = concat!("`ZMQ_", stringify!($name), "`.")]
            pub const $name: i32 = $number;
        )*
    };
}

kinds! {
    PAIR 0 PUB 1 SUB 2 REQ 3 REP 4 DEALER 5 ROUTER 6 PULL 7 PUSH 8 XPUB 9 XSUB 10 STREAM 11
    SERVER 12 CLIENT 13 RADIO 14 DISH 15 GATHER 16 SCATTER 17 DGRAM 18 PEER 19 CHANNEL 20
}
