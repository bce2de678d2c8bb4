//! Lines of an nginx access log in the format `combined`, as a caching proxy in front of a registry writes them.

use crate::clock::Moment;

/// A client of a proxy: who, from where, with what.
#[derive(Debug, Clone)]
pub(crate) struct Client {
    pub(crate) address: String,
    /// The user that signed in, the third field.
    pub(crate) user: String,
    pub(crate) agent: String,
}

/// One answered request.
#[derive(Debug, Clone)]
pub(crate) struct Request {
    pub(crate) time: Moment,
    pub(crate) method: &'static str,
    pub(crate) path: String,
    pub(crate) status: u16,
    pub(crate) bytes: u64,
}

impl Request {
    /// The request as a line without its end.
    pub(crate) fn line(&self, client: &Client) -> String {
        format!(
            "{} - {} [{}] \"{} {} HTTP/1.1\" {} {} \"-\" \"{}\"",
            client.address,
            client.user,
            self.time.combined(),
            self.method,
            self.path,
            self.status,
            self.bytes,
            client.agent,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_nginx_writes() {
        let client = Client {
            address: "10.12.0.7".to_owned(),
            user: "alice".to_owned(),
            agent: "npm/10.9.2 node/v22.14.0 linux x64 workspaces/false".to_owned(),
        };
        let time = Moment::utc((2026, 5, 11), (9, 0, 1));
        let path = "/@tanstack/react-router/-/react-router-1.169.2.tgz".to_owned();
        let request = Request { time, method: "GET", path, status: 200, bytes: 812 };
        assert_eq!(
            request.line(&client),
            "10.12.0.7 - alice [11/May/2026:09:00:01 +0000] \
             \"GET /@tanstack/react-router/-/react-router-1.169.2.tgz HTTP/1.1\" 200 812 \"-\" \
             \"npm/10.9.2 node/v22.14.0 linux x64 workspaces/false\""
        );
    }
}
