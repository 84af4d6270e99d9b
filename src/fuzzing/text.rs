//! What people write, and configuration files have.

use std::net::SocketAddr;

use crate::endpoint::Endpoint;

/// An endpoint's text is what was parsed, and whoever cannot use it says so.
pub fn endpoint(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    let endpoint: Endpoint = match text.parse() {
        Ok(endpoint) => endpoint,
        Err(error) => {
            assert!(!error.to_string().contains('\n'));
            return;
        }
    };
    assert_eq!(endpoint.to_string(), text);
    assert!(text.starts_with(endpoint.scheme()) && !text.contains('\0'));
    let again: Endpoint = endpoint.as_str().parse().expect("it was parsed before");
    assert!(again == endpoint && again.cmp(&endpoint).is_eq());
    // A wildcard is for one side, a source for the other: nothing is good for neither.
    assert!(endpoint.for_bind().is_ok() || endpoint.for_connect().is_ok() || text.contains(';'));
    // A zone is kept as it is written, be it a number: `%0` and `%00` are two endpoints, and none is a third.
    if let Some(address) = text.strip_prefix("tcp://")
        && !address.contains('%')
        && let Ok(address) = address.parse::<SocketAddr>()
    {
        let resolved = Endpoint::from(address);
        assert!(resolved == endpoint, "{resolved} is {endpoint}");
    }
}
