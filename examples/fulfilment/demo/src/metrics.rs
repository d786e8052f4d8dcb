//! What a worker says of itself on `/metrics`.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// A scrape.
pub(crate) struct Metrics(String);

/// Gets `http://ADDRESS/PATH`; the body if the answer is 200.
pub(crate) fn get(address: &str, path: &str) -> Option<String> {
    let mut stream = TcpStream::connect(address).ok()?;
    stream.set_read_timeout(Some(Duration::from_secs(5))).ok()?;
    write!(stream, "GET {path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n").ok()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).ok()?;
    let (head, body) = answer.split_once("\r\n\r\n")?;
    head.split(' ').nth(1).filter(|status| *status == "200")?;
    Some(body.to_owned())
}

impl Metrics {
    pub(crate) fn scrape(address: &str) -> Option<Self> {
        get(address, "/metrics").map(Self)
    }

    /// The sum of a metric over all series that have these labels (`group="a"`). None: there is no such series.
    pub(crate) fn sum(&self, name: &str, labels: &[&str]) -> Option<i64> {
        let series = self.0.lines().filter_map(|line| line.rsplit_once(' '));
        let wanted = series.filter_map(|(series, value)| {
            let (found, rest) = series.split_once('{')?;
            (found == name && labels.iter().all(|label| rest.contains(label))).then(|| value.parse::<f64>().ok())?
        });
        wanted.map(|value| value as i64).reduce(|sum, value| sum + value)
    }
}

#[cfg(test)]
mod tests {
    use super::Metrics;

    #[test]
    fn sums_over_series() {
        let metrics = Metrics(
            "# HELP lag x\nlag{group=\"a\",partition=\"0\"} 2\nlag{group=\"a\",partition=\"1\"} 3.0\n\
            lag{group=\"b\",partition=\"0\"} 9\nlags{group=\"a\"} 1\n"
                .into(),
        );
        assert_eq!(metrics.sum("lag", &["group=\"a\""]), Some(5));
        assert_eq!(metrics.sum("lag", &["group=\"c\""]), None);
    }
}
