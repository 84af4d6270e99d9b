//! G9 against libzmq: subscriptions are told again, each once, to whoever comes.

use hubless::{Pub, Sub};
use peers::libzmq::{SocketType, option};

use crate::libzmq::{Zmq, recv};
use crate::soon;

/// An XPUB shows what it is told, and a second one at the same place is told the same.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_a_libzmq_publisher_that_comes_back_is_told_every_subscription_once() {
    let sub = Sub::new();
    for prefix in ["a", "a", "b"] {
        sub.subscribe(prefix);
    }
    let mut at = "tcp://127.0.0.1:*".to_owned();
    for generation in 0..3 {
        let place = at.clone();
        let (order, orders) = std::sync::mpsc::channel::<()>();
        let zmq = Zmq::new(SocketType::XPub, move |_, publisher, tell| {
            publisher.set(option::XPUB_VERBOSER, 1).expect("an option");
            let bound = publisher.bind(&place).expect("the place is free");
            tell.send(bound).expect("the test waits");
            let mut told = [recv(publisher), recv(publisher)];
            told.sort();
            assert_eq!(told, [[b"\x01a".to_vec()], [b"\x01b".to_vec()]]);
            publisher.send(&["a"]).expect("it publishes");
            tell.send("told".to_owned()).expect("the test waits");
            let _ = orders.recv();
            // Had anything been told twice, or taken back, it would come before this.
            assert_eq!(recv(publisher), [b"\x01last".to_vec()]);
        });
        at = zmq.told();
        if generation == 0 {
            drop(sub.connect(at.as_str()).expect("an endpoint"));
        }
        assert_eq!(zmq.told(), "told");
        assert_eq!(soon("a message", sub.recv()).await.expect("it is open"), "a");
        // One of the two that asked for "a" changes its mind, and then again: that is nobody's business.
        assert!(sub.unsubscribe("a"));
        sub.subscribe("a");
        sub.subscribe("last");
        drop(order);
        zmq.ends().await;
        assert!(sub.unsubscribe("last"));
    }
}

/// A libzmq SUB asks every publisher at the place again, and what it asked for holds at once.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn g09_a_libzmq_subscriber_is_served_by_each_publisher_that_comes() {
    let publisher = Pub::new();
    let at = publisher.bind("tcp://127.0.0.1:*").await.expect("a free port");
    let place = at.to_string();
    let zmq = Zmq::new(SocketType::Sub, move |_, sub, tell| {
        sub.set(option::RECONNECT_IVL, 5).expect("an option");
        sub.subscribe("a").expect("it subscribes");
        sub.connect(&place).expect("it connects");
        for generation in ["a0", "a1", "a2"] {
            assert_eq!(recv(sub), [generation.as_bytes().to_vec()]);
            tell.send("heard".to_owned()).expect("the test waits");
        }
    });
    let mut publisher = Some(publisher);
    for generation in ["a0", "a1", "a2"] {
        let here = match publisher.take() {
            Some(first) => first,
            None => {
                let next = Pub::new();
                next.bind(&at).await.expect("the place is free");
                next
            }
        };
        soon("a subscription", here.subscribers().to("a").at_least(1))
            .await
            .expect("it is open");
        here.send("b: not asked for").await.expect("it is open");
        here.send(generation).await.expect("it is open");
        assert_eq!(zmq.told(), "heard");
        soon("closing", here.close()).await.expect("nothing is left");
    }
    zmq.ends().await;
}
