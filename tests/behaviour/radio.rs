//! What is published in a group goes to everybody who joined it (sockets of kind RADIO and DISH).

use std::time::Duration;

use hubless::{
    Dish, DropReason, GroupTooLong, Radio, SendError, SlowPolicy, TcpOptions, TryRecvError, TrySendError,
};
use tokio::time::timeout;

use crate::ended;
use crate::transport::{Outcome, Place, Transport, number_of, numbered, over_every_transport, spawn, until};

over_every_transport! {
    a_message_goes_to_those_who_joined_its_group_by_its_whole_name
    groups_are_a_set
    a_group_has_any_bytes_and_at_most_255
    a_message_has_one_frame
    messages_of_every_size_arrive_in_order
    g09_groups_are_joined_again_when_the_radio_comes_back
    a_radio_may_connect_and_a_dish_bind
    a_dish_hears_all_its_radios_in_turn
    who_left_a_group_does_not_receive_what_is_on_its_way
    g05_what_nobody_joined_and_what_does_not_fit_is_counted
    a_radio_may_wait_or_keep_the_newest
    waiting_fails_when_the_socket_is_closed
}

async fn bound(at: Transport) -> Outcome<(Radio, Place)> {
    let radio = Radio::new();
    let place = at.bind(&radio).await?;
    Ok((radio, place))
}

async fn joined(to: &Place, groups: &[&str]) -> Outcome<Dish> {
    let dish = Dish::new();
    for group in groups {
        dish.join(group)?;
    }
    dish.connect(to)?;
    dish.joined().await?;
    Ok(dish)
}

async fn next(dish: &Dish) -> Outcome<(String, String)> {
    let (group, body) = dish.recv_from().await?;
    let text = |frame: hubless::Frame| String::from_utf8_lossy(&frame).into_owned();
    Ok((text(group), text(body)))
}

fn pair(group: &str, body: &str) -> (String, String) {
    (group.to_owned(), body.to_owned())
}

async fn a_message_goes_to_those_who_joined_its_group_by_its_whole_name(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let news = joined(&place, &["news", "end"]).await?;
    let both = joined(&place, &["news", "", "weather", "end"]).await?;
    assert_eq!(radio.subscribers().to("news").count(), 2);
    assert_eq!(radio.subscribers().to("news.sport").count(), 0);
    for group in ["new", "news", "news.sport", "", "weather", "end"] {
        radio.send_to(group, format!("in {group}")).await?;
    }
    assert_eq!(next(&news).await?, pair("news", "in news"));
    assert_eq!(next(&news).await?, pair("end", "in end"));
    assert_eq!(next(&both).await?, pair("news", "in news"));
    assert_eq!(next(&both).await?, pair("", "in "));
    assert_eq!(next(&both).await?, pair("weather", "in weather"));
    assert_eq!(next(&both).await?, pair("end", "in end"));
    Ok(())
}

async fn groups_are_a_set(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dish = Dish::new();
    assert!(dish.join("a")?);
    assert!(!dish.join("a")?);
    dish.connect(&place)?;
    dish.joined().await?;
    radio.send_to("a", "once").await?;
    assert_eq!(next(&dish).await?, pair("a", "once"));
    assert!(dish.leave("a"), "however often it was joined");
    assert!(!dish.leave("a"));
    assert!(!dish.leave("never"));
    dish.joined().await?;
    assert_eq!(radio.subscribers().count(), 0);
    assert_eq!(dish.try_recv_from(), Err(TryRecvError::Empty));
    Ok(())
}

async fn a_group_has_any_bytes_and_at_most_255(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dish = Dish::new();
    dish.connect(&place)?;
    let groups = [
        vec![],
        vec![0],
        vec![0xFF; 255],
        b"\x04JOIN".to_vec(),
        vec![b'x'; 250],
    ];
    for group in &groups {
        dish.join(group)?;
    }
    dish.joined().await?;
    for group in &groups {
        radio.send_to(group, "in it").await?;
        let (found, body) = dish.recv_from().await?;
        assert_eq!((&found[..], &body[..]), (&group[..], &b"in it"[..]));
    }
    let long = [b'x'; 256];
    let Err(GroupTooLong { size: 256, .. }) = dish.join(long) else {
        panic!("256 bytes are too many");
    };
    let error = radio
        .send_to(long, "body")
        .await
        .expect_err("256 bytes are too many");
    assert!(matches!(error, SendError::GroupTooLong(_)));
    assert_eq!(error.into_message().into_frames::<2>()?[1], "body");
    let error = radio
        .try_send_to(long, "body")
        .expect_err("256 bytes are too many");
    assert!(matches!(error, TrySendError::GroupTooLong(_)));
    Ok(())
}

async fn a_message_has_one_frame(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dish = joined(&place, &["a"]).await?;
    let error = radio
        .send_to("a", ("two", "frames"))
        .await
        .expect_err("it has two frames");
    assert!(matches!(error, SendError::Multipart { frames: 2, .. }));
    let error = radio
        .try_send_to("a", ("two", "frames"))
        .expect_err("it has two frames");
    assert_eq!(error.into_message().len(), 3, "its group is in front");
    radio.send_to("a", "").await?;
    assert_eq!(next(&dish).await?, pair("a", ""));
    Ok(())
}

async fn messages_of_every_size_arrive_in_order(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dishes = [joined(&place, &["a"]).await?, joined(&place, &["a", "b"]).await?];
    for size in [0, 1, 30, 255, 256, 4 << 10, 32 << 10, 64 << 10, 1 << 20, 3 << 20] {
        let body = vec![size as u8; size];
        radio.send_to("a", &body[..]).await?;
        radio.send_to("a", body.clone()).await?;
        for dish in &dishes {
            for _ in 0..2 {
                let (group, received) = dish.recv_from().await?;
                assert!(group == "a" && received == body, "{size} bytes");
            }
        }
    }
    Ok(())
}

async fn g09_groups_are_joined_again_when_the_radio_comes_back(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dish = joined(&place, &["old", "kept"]).await?;
    let mut monitor = dish.monitor();
    for round in 0..3 {
        if round == 0 {
            radio.clone().close().await?;
        }
        ended(&mut monitor).await;
        dish.leave("old");
        dish.join(format!("new {round}"))?;
        let radio = Radio::new();
        radio.bind(&place).await?;
        dish.joined().await?;
        let counts = ["old", "kept", "new 0"].map(|group| radio.subscribers().to(group).count());
        assert_eq!(counts, [0, 1, 1]);
        // One leave is enough, however often it was joined again.
        dish.leave("kept");
        dish.joined().await?;
        assert_eq!(radio.subscribers().to("kept").count(), 0);
        dish.join("kept")?;
        dish.joined().await?;
        radio.send_to("kept", "again").await?;
        assert_eq!(next(&dish).await?, pair("kept", "again"));
        radio.close().await?;
    }
    Ok(())
}

async fn a_radio_may_connect_and_a_dish_bind(at: Transport) -> Outcome {
    let dish = Dish::new();
    dish.join("a")?;
    let place = at.bind(&dish).await?;
    let radio = Radio::new();
    radio.connect(&place)?;
    radio.subscribers().to("a").at_least(1).await?;
    radio.send_to("a", "hello").await?;
    assert_eq!(next(&dish).await?, pair("a", "hello"));
    dish.join("b")?;
    dish.joined().await?;
    radio.send_to("b", "hello").await?;
    assert_eq!(next(&dish).await?, pair("b", "hello"));
    Ok(())
}

async fn a_dish_hears_all_its_radios_in_turn(at: Transport) -> Outcome {
    let dish = Dish::new();
    dish.join("a")?;
    let mut radios = Vec::new();
    for _ in 0..3 {
        let (radio, place) = bound(at).await?;
        dish.connect(&place)?;
        radio.subscribers().to("a").at_least(1).await?;
        radios.push(radio);
    }
    for number in 0..100 {
        for radio in &radios {
            radio.send_to("a", numbered(number, 8)).await?;
        }
    }
    let mut count = [0; 100];
    for _ in 0..300 {
        let (_, body) = dish.recv_from().await?;
        count[number_of(&body.into()) as usize] += 1;
    }
    assert_eq!(count, [3; 100]);
    Ok(())
}

async fn who_left_a_group_does_not_receive_what_is_on_its_way(at: Transport) -> Outcome {
    let (radio, place) = bound(at).await?;
    let dish = joined(&place, &["a", "b"]).await?;
    radio.send_to("a", "on its way").await?;
    radio.send_to("b", "still wanted").await?;
    until(|| dish.stats().incoming.received.messages == 2).await;
    dish.leave("a");
    assert_eq!(next(&dish).await?, pair("b", "still wanted"));
    assert_eq!(dish.stats().incoming.dropped.by(DropReason::Filtered), 1);
    Ok(())
}

async fn g05_what_nobody_joined_and_what_does_not_fit_is_counted(at: Transport) -> Outcome {
    let radio = Radio::builder().send_hwm(4).tcp(small()).build()?;
    let place = at.bind(&radio).await?;
    radio.send_to("a", "nobody is there").await?;
    assert_eq!(radio.stats().outgoing.dropped.by(DropReason::NoSubscriber), 1);
    let stalled = Dish::builder().recv_hwm(1).tcp(small()).build()?;
    stalled.join("a")?;
    stalled.connect(&place)?;
    stalled.joined().await?;
    let mut sent = 0;
    while radio.stats().outgoing.dropped.by(DropReason::Hwm) < 10 {
        radio.send_to("a", numbered(sent, 16 << 10)).await?;
        sent += 1;
    }
    let stats = radio.stats().outgoing;
    assert_eq!(stats.accepted.messages, sent);
    assert_eq!(
        stats.accepted.messages,
        stats.handed_over.messages + stats.queued.messages + stats.dropped.total()
    );
    Ok(())
}

fn small() -> TcpOptions {
    TcpOptions::new().send_buffer(16 << 10).recv_buffer(16 << 10)
}

async fn a_radio_may_wait_or_keep_the_newest(at: Transport) -> Outcome {
    let dish = || Dish::builder().recv_hwm(1).tcp(small()).build();
    let radio = Radio::builder().send_hwm(2).tcp(small()).nodrop(true).build()?;
    let place = at.bind(&radio).await?;
    let stalled = dish()?;
    stalled.join("a")?;
    stalled.connect(&place)?;
    stalled.joined().await?;
    let mut sent = 0;
    while timeout(
        Duration::from_millis(20),
        radio.send_to("a", numbered(sent, 16 << 10)),
    )
    .await
    .is_ok()
    {
        sent += 1;
    }
    assert!(matches!(
        radio.try_send_to("a", "more"),
        Err(TrySendError::Full(_))
    ));
    radio.try_send_to("b", "that is for nobody")?;
    for number in 0..sent {
        assert_eq!(number_of(&stalled.recv_from().await?.1.into()), number);
    }

    let radio = Radio::builder()
        .send_hwm(2)
        .tcp(small())
        .on_slow(SlowPolicy::DropOldest)
        .build()?;
    let place = at.bind(&radio).await?;
    let stalled = dish()?;
    stalled.join("a")?;
    stalled.connect(&place)?;
    stalled.joined().await?;
    let mut sent = 0;
    while radio.stats().outgoing.dropped.by(DropReason::Hwm) < 10 {
        radio.send_to("a", numbered(sent, 16 << 10)).await?;
        sent += 1;
    }
    while number_of(&stalled.recv_from().await?.1.into()) != sent - 1 {}
    Ok(())
}

async fn waiting_fails_when_the_socket_is_closed(at: Transport) -> Outcome {
    let dish = Dish::new();
    let _place = at.bind(&dish).await?;
    assert_eq!(
        dish.recv_from_timeout(Duration::from_millis(1)).await,
        Err(TryRecvError::Empty)
    );
    let waiting = spawn({
        let dish = dish.clone();
        async move { (dish.joined().await.is_err(), dish.recv_from().await.is_err()) }
    });
    tokio::task::yield_now().await;
    dish.clone().close().await?;
    assert_eq!(waiting.await?, (true, true));
    assert_eq!(dish.try_recv_from(), Err(TryRecvError::Closed));
    Ok(())
}
