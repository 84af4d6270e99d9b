//! A publisher and its subscribers, one call at a time.
