//! A node whose resolver is slow.

use std::net::UdpSocket;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::{Duration, Instant};

use super::{LocalNode, Settings};
use crate::group::{Address, Resolver};

#[test]
fn a_look_up_that_hangs_does_not_stop_the_node_and_its_result_is_used_when_it_comes() {
    let [own, peer] = [(); 2].map(|()| UdpSocket::bind("127.0.0.1:0").unwrap());
    let port = own.local_addr().unwrap().port();
    let there = peer.local_addr().unwrap();
    drop(own);

    // The first answer is that the name is not known; the second comes when it is let go.
    let is_second = Arc::new(AtomicBool::new(false));
    let (begun, has_begun) = mpsc::channel();
    let (let_go, wait) = mpsc::channel::<()>();
    let wait = std::sync::Mutex::new(wait);
    let resolver = Resolver::new(Duration::from_secs(60), move |address: &Address| {
        if !address.is_by_name() {
            return address.resolve();
        }
        if is_second.swap(true, Ordering::Relaxed) {
            begun.send(()).unwrap();
            let _ = wait.lock().unwrap().recv();
            return Ok(vec![there]);
        }
        "no-address".parse::<Address>().map(|_| Vec::new())
    });
    let settings = Settings::new(1, [format!(":{port}"), "beta:7001".to_owned()]);
    let opened = settings.open_with(resolver).unwrap();
    let mut node = LocalNode::open(&settings, opened, &[]).unwrap();
    assert_eq!(node.status().peers[0].address, "");

    let request = node.handle().request("job").unwrap();
    while has_begun.try_recv().is_err() {
        node.wait(Some(Duration::from_millis(10))).unwrap();
    }
    // It hangs, longer than the pause until the next one would begin.
    let (mut rounds, until) = (0, Instant::now() + Duration::from_secs(5));
    while Instant::now() < until {
        node.wait(Some(Duration::from_millis(10))).unwrap();
        rounds += 1;
    }
    assert!(rounds > 50, "{rounds} rounds in 5 s");
    assert!(has_begun.try_recv().is_err(), "one look-up at a time");
    assert!(node.blocked(&request).to_string().contains("beta:7001 (2)"));

    let_go.send(()).unwrap();
    peer.set_nonblocking(true).unwrap();
    let mut buffer = [0; 1024];
    let length = loop {
        node.wait(Some(Duration::from_millis(10))).unwrap();
        if let Ok(length) = peer.recv(&mut buffer) {
            break length;
        }
        assert!(until.elapsed() < Duration::from_secs(60));
    };
    assert!(buffer[..length].starts_with(b"req<0,1>"));
    let status = node.status();
    assert_eq!(status.peers[0].address, there.to_string());
    assert_eq!(status.peers[0].not_found, None);
}
