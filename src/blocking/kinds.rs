//! The kinds of blocking sockets by name, each with what it can do.

use super::Socket;
use crate::socket::kind;

/// Sends each message to one [`Pull`], in turn: [`hubless::Push`](crate::Push) for plain threads.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Pull, Push};
///
/// let pull = Pull::new();
/// let endpoint = pull.bind("tcp://127.0.0.1:0")?;
/// let pushing = thread::spawn(move || -> Result<(), hubless::Error> {
///     let push = Push::new();
///     push.connect(&endpoint)?;
///     for i in 0..100u8 {
///         push.send(&[i])?;
///     }
///     Ok(push.close()?)
/// });
/// for i in 0..100u8 {
///     assert_eq!(pull.recv()?, [i]);
/// }
/// pushing.join().expect("it does not panic")?;
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Push = Socket<kind::Push>;

/// Receives from each [`Push`] in turn: [`hubless::Pull`](crate::Pull) for plain threads.
///
/// # Examples
///
/// Clones share the messages:
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Pull, Push};
///
/// let (pull, push) = (Pull::new(), Push::new());
/// push.connect(&pull.bind("tcp://127.0.0.1:0")?)?;
/// let workers: Vec<_> = (0..2)
///     .map(|_| {
///         let pull = pull.clone();
///         thread::spawn(move || pull.messages().count())
///     })
///     .collect();
/// for _ in 0..10 {
///     push.send("work")?;
/// }
/// push.close()?;
/// while pull.stats().incoming.delivered.messages < 10 {
///     thread::yield_now();
/// }
/// pull.close()?;
/// let done: usize = workers.into_iter().map(|worker| worker.join().expect("it does not panic")).sum();
/// assert_eq!(done, 10);
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Pull = Socket<kind::Pull>;

/// Publishes to every matching [`Sub`]: [`hubless::Pub`](crate::Pub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, Sub};
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.subscribe("news");
/// publisher.subscribers().to("news").at_least(1)?;
///
/// publisher.send(("news", "it works"))?;
/// let [_, body] = subscriber.recv()?.into_frames()?;
/// assert_eq!(body, "it works");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Pub = Socket<kind::Pub>;

/// Receives what it subscribed to: [`hubless::Sub`](crate::Sub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, Sub};
///
/// let (publisher, subscriber) = (Pub::new(), Sub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.subscribe("");
/// subscriber.subscribed()?; // from here on nothing is missed, as long as we keep up
///
/// publisher.send("hello")?;
/// assert_eq!(subscriber.recv()?, "hello");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Sub = Socket<kind::Sub>;

/// Asks a [`Rep`] and waits for the answer: [`hubless::Req`](crate::Req) for plain threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::RequestError;
/// use hubless::blocking::Req;
///
/// let mut req = Req::new();
/// req.connect("inproc://nobody")?;
/// let answer = req.request_timeout("hello?", Duration::from_millis(1));
/// assert_eq!(answer, Err(RequestError::Timeout));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Req = Socket<kind::Req>;

/// Answers each [`Req`]: [`hubless::Rep`](crate::Rep) for plain threads.
///
/// # Examples
///
/// ```
/// use std::thread;
///
/// use hubless::blocking::{Rep, Req};
///
/// let rep = Rep::new();
/// let endpoint = rep.bind("tcp://127.0.0.1:0")?;
/// let asking = thread::spawn(move || -> Result<_, hubless::Error> {
///     let mut req = Req::new();
///     req.connect(&endpoint)?;
///     Ok(req.request("6 × 7")?)
/// });
/// let request = rep.recv_request()?;
/// assert_eq!(*request.message(), "6 × 7");
/// request.reply("42")?;
/// assert_eq!(asking.join().expect("it does not panic")?, "42");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Rep = Socket<kind::Rep>;

/// Sends to its peers in turn, and receives from them in turn: [`hubless::Dealer`](crate::Dealer) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Dealer, Rep};
///
/// let (dealer, rep) = (Dealer::new(), Rep::new());
/// dealer.connect(&rep.bind("tcp://127.0.0.1:0")?)?;
/// dealer.send(("", "hello"))?; // behind an empty frame, as from a REQ
/// rep.recv_request()?.reply("world")?;
/// assert_eq!(dealer.recv()?, hubless::Message::from(("", "world")));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Dealer = Socket<kind::Dealer>;

/// Sends to the peer it names, and receives with the name of the sender: [`hubless::Router`](crate::Router) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::TryRecvError;
/// use hubless::blocking::{Dealer, Router};
///
/// let (router, worker) = (Router::new(), Dealer::new());
/// assert_eq!(router.try_recv_from(), Err(TryRecvError::Empty));
/// router.connect_as(&worker.bind("tcp://127.0.0.1:0")?, "worker")?.wait()?;
/// router.try_send_to(&"worker".into(), "one job")?;
/// router.send_to(&"worker".into(), "and another")?;
/// assert_eq!(worker.recv()?, "one job");
///
/// worker.send("done")?;
/// let (who, _done) = router.recv_from()?;
/// assert!(router.peer(&who).is_some());
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Router = Socket<kind::Router>;

/// Sends to everybody in a group: [`hubless::Radio`](crate::Radio) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Dish, Radio};
///
/// let (radio, dish) = (Radio::new(), Dish::new());
/// dish.connect(&radio.bind("tcp://127.0.0.1:0")?)?;
/// dish.join("weather")?;
/// radio.subscribers().to("weather").at_least(1)?;
/// radio.send_to("weather", "sunny")?;
/// radio.try_send_to("weather", "still sunny")?;
/// assert_eq!(dish.recv_from()?, ("weather".into(), "sunny".into()));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Radio = Socket<kind::Radio>;

/// Receives from the groups it joined: [`hubless::Dish`](crate::Dish) for plain threads.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use hubless::TryRecvError;
/// use hubless::blocking::{Dish, Radio};
///
/// let (radio, dish) = (Radio::new(), Dish::new());
/// dish.connect(&radio.bind("tcp://127.0.0.1:0")?)?;
/// dish.join("weather")?;
/// dish.joined()?;
/// radio.send_to("weather", "sunny")?;
/// let (group, forecast) = dish.recv_from()?;
/// assert_eq!((group, forecast), ("weather".into(), "sunny".into()));
///
/// assert_eq!(dish.try_recv_from(), Err(TryRecvError::Empty));
/// assert_eq!(dish.recv_from_timeout(Duration::from_millis(1)), Err(TryRecvError::Empty));
/// assert!(dish.leave("weather"));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Dish = Socket<kind::Dish>;

/// Publishes, and sees who subscribes to what: [`hubless::XPub`](crate::XPub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Sub, XPub};
///
/// let publisher: XPub = XPub::builder().manual(true).build()?.into();
/// let subscriber = Sub::new();
/// subscriber.subscribe("");
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
///
/// publisher.recv()?; // it wants everything, and gets the public part
/// assert!(publisher.subscribe("public."));
/// assert_eq!(publisher.topics(), 1);
/// publisher.send("public.news")?;
/// assert_eq!(subscriber.recv()?, "public.news");
/// assert!(publisher.unsubscribe("public."));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type XPub = Socket<kind::XPub>;

/// Receives what it subscribed to, and sends to its publishers: [`hubless::XSub`](crate::XSub) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Pub, XSub};
///
/// let (publisher, subscriber) = (Pub::new(), XSub::new());
/// subscriber.connect(&publisher.bind("tcp://127.0.0.1:0")?)?;
/// subscriber.send("\x01news")?; // as `subscribe("news")`
/// publisher.subscribers().to("news").at_least(1)?;
/// publisher.send("news: a subscription is a message")?;
/// assert_eq!(subscriber.recv()?, "news: a subscription is a message");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type XSub = Socket<kind::XSub>;

/// Talks to exactly one other [`Pair`]: [`hubless::Pair`](crate::Pair) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::Pair;
///
/// let (one, other) = (Pair::new(), Pair::new());
/// other.connect(&one.bind("tcp://127.0.0.1:0")?)?;
/// other.send("ping")?;
/// one.recv()?;
/// one.send("pong")?;
/// assert_eq!(other.recv()?, "pong");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Pair = Socket<kind::Pair>;

/// Talks to exactly one other [`Channel`], a frame at a time: [`hubless::Channel`](crate::Channel) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::SendError;
/// use hubless::blocking::Channel;
///
/// let (one, other) = (Channel::new(), Channel::new());
/// other.connect(&one.bind("tcp://127.0.0.1:0")?)?;
/// other.send("ping")?;
/// assert_eq!(one.recv()?, "ping");
/// assert!(matches!(one.send(("two", "frames")), Err(SendError::Multipart { .. })));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Channel = Socket<kind::Channel>;

/// Talks to a [`Server`]: [`hubless::Client`](crate::Client) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Client, Server};
///
/// let (client, server) = (Client::new(), Server::new());
/// client.connect(&server.bind("tcp://127.0.0.1:0")?)?;
/// client.send("hello")?;
/// let (who, _hello) = server.recv_from()?;
/// server.send_to(who, "world")?;
/// assert_eq!(client.recv()?, "world");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Client = Socket<kind::Client>;

/// Answers the [`Client`] it names: [`hubless::Server`](crate::Server) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::TryRecvError;
/// use hubless::blocking::{Client, Server};
///
/// let (client, server) = (Client::new(), Server::new());
/// assert_eq!(server.try_recv_from(), Err(TryRecvError::Empty));
/// client.connect(&server.bind("tcp://127.0.0.1:0")?)?;
/// client.send("hello")?;
/// let (who, _hello) = server.recv_from()?;
/// server.try_send_to(who, "world")?;
/// assert_eq!(client.recv()?, "world");
/// server.disconnect_peer(who)??;
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Server = Socket<kind::Server>;

/// Sends to the peer it names, and receives with the name of the sender: [`hubless::PeerSocket`](crate::PeerSocket) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::PeerSocket;
///
/// let (one, other) = (PeerSocket::new(), PeerSocket::new());
/// let there = one.connect_peer(&other.bind("tcp://127.0.0.1:0")?)?;
/// one.send_to(there, "hello")?;
/// let (from, hello) = other.recv_from()?;
/// other.send_to(from, hello)?;
/// assert_eq!(one.recv_from()?, (there, "hello".into()));
/// # Ok::<(), hubless::Error>(())
/// ```
pub type PeerSocket = Socket<kind::Peer>;

/// Sends each message to one [`Gather`], in turn: [`hubless::Scatter`](crate::Scatter) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::blocking::{Gather, Scatter};
///
/// let (scatter, gather) = (Scatter::new(), Gather::new());
/// scatter.connect(&gather.bind("tcp://127.0.0.1:0")?)?;
/// scatter.send("work")?;
/// assert_eq!(gather.recv()?, "work");
/// # Ok::<(), hubless::Error>(())
/// ```
pub type Scatter = Socket<kind::Scatter>;

/// Receives from each [`Scatter`] in turn: [`hubless::Gather`](crate::Gather) for plain threads.
///
/// Example: at [`Scatter`].
pub type Gather = Socket<kind::Gather>;

/// Talks to peers that know no ZMTP: [`hubless::StreamSocket`](crate::StreamSocket) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::StreamEvent;
/// use hubless::blocking::StreamSocket;
///
/// // Two of them, as they need not know what is at the other end.
/// let (server, client) = (StreamSocket::new(), StreamSocket::new());
/// let there = client.connect(&server.bind("tcp://127.0.0.1:0")?)?.wait()?;
/// client.send_to(&there, "GET / ")?;
/// client.try_send_to(&there, "HTTP/1.0\r\n\r\n")?;
///
/// let (browser, event) = server.recv_from()?;
/// assert_eq!(event, StreamEvent::Connected);
/// let (_, event) = server.recv_from()?;
/// assert!(matches!(event, StreamEvent::Data(bytes) if bytes.starts_with(b"GET")));
/// assert!(server.close_peer(&browser));
/// while let Ok(event) = server.try_recv_from() {
///     println!("{event:?} came meanwhile");
/// }
/// # Ok::<(), hubless::Error>(())
/// ```
pub type StreamSocket = Socket<kind::Stream>;

/// Sends and receives UDP datagrams: [`hubless::Datagram`](crate::Datagram) for plain threads.
///
/// # Examples
///
/// ```
/// use hubless::TryRecvError;
/// use hubless::blocking::Datagram;
///
/// let (echo, asker) = (Datagram::new(), Datagram::new());
/// let at = echo.bind("udp://127.0.0.1:0")?.as_str().trim_start_matches("udp://").parse()?;
/// asker.bind("udp://127.0.0.1:0")?;
/// assert_eq!(asker.try_recv_from(), Err(TryRecvError::Empty));
///
/// asker.send_to(at, "anyone there?")?;
/// let (from, question) = echo.recv_from()?;
/// echo.try_send_to(from, question)?;
/// assert_eq!(asker.recv_from()?.1, "anyone there?");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub type Datagram = Socket<kind::Dgram>;
