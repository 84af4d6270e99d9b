//! The same of a DGRAM, whose sends wait for a port.

use hubless::Datagram;
use tokio::net::UdpSocket;
use tokio::task::yield_now;

use crate::transport::{Outcome, check, number_of, numbered, polled};

#[test]
fn g08_a_datagram_that_is_given_up_is_not_sent() {
    check(async {
        let program = UdpSocket::bind("127.0.0.1:0").await?;
        let to = program.local_addr()?;
        let mut buffer = [0; 8];
        for polls in 0..6 {
            let socket = Datagram::new();
            assert!(polled(socket.send_to(to, numbered(1, 8)), polls).await.is_none());
            let mut waits = Box::pin(socket.send_to(to, numbered(2, 8)));
            assert!(polled(&mut waits, polls).await.is_none());
            socket.bind("udp://127.0.0.1:0").await?;
            if polls % 2 == 0 {
                waits.await?;
            } else {
                // Woken by now, and given up all the same: the turn goes on to the next.
                drop(waits);
                socket.send_to(to, numbered(2, 8)).await?;
            }
            socket.send_to(to, numbered(3, 8)).await?;
            for expected in [2, 3] {
                program.recv_from(&mut buffer).await?;
                assert_eq!(u64::from_be_bytes(buffer), expected);
            }
        }
        Outcome::Ok(())
    });
}

#[test]
fn g08_a_datagram_whose_receive_is_given_up_is_not_taken() {
    check(async {
        let socket = Datagram::builder().recv_hwm(0).build()?;
        let endpoint = socket.bind("udp://127.0.0.1:0").await?;
        let at = endpoint.as_str().trim_start_matches("udp://").to_owned();
        let program = UdpSocket::bind("127.0.0.1:0").await?;
        let (mut next, mut given_up) = (0, 0);
        for round in 0..2000_u64 {
            if round % 3 == 0 {
                program.send_to(&numbered(round / 3, 8), &at).await?;
            }
            match polled(socket.recv_from(), (round % 4) as usize).await {
                Some(received) => {
                    assert_eq!(number_of(&received?.1.into()), next);
                    next += 1;
                }
                None => given_up += 1,
            }
            yield_now().await;
        }
        while next < 667 {
            assert_eq!(number_of(&socket.recv_from().await?.1.into()), next);
            next += 1;
        }
        assert!(given_up > 100, "{given_up} were given up");
        Outcome::Ok(())
    });
}
