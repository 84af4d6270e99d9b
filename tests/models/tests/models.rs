//! Runs the models of `src`: each holds for every order of events.

macro_rules! models {
    ($($file:ident: $($model:ident)*;)*) => {
        $($(#[test] fn $model() { models::$file::$model(stringify!($model)) })*)*
    };
}

models! {
    outgoing:
        senders_and_driver_share_one_line
        ;
    incoming:
        ;
}
