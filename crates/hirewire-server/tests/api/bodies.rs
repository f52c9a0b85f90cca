//! Bodies that are malformed, cut off, too large, too slow, too deep or packed.
use std::io::Write as _;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use hirewire_server::Mode;
use reqwest::Method;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::world::{World, bulk, got, job_path, person, sample, upload_path};

#[tokio::test(flavor = "multi_thread")]
async fn malformed_bodies_are_400() {
    let world = World::open().await;
    let valid = bulk(vec![person("1")]);
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    let mut deep_data: serde_json::Value = serde_json::from_str(&valid).expect("JSON");
    deep_data["Operations"][0]["data"]["x"] =
        serde_json::from_str(&format!("{}{}", "[".repeat(100), "]".repeat(100))).expect("JSON");
    for (what, body) in [
        ("nothing", String::new()),
        ("a word", "hello".into()),
        ("null", "null".into()),
        ("cut off", valid[..valid.len() - 9].into()),
        ("trailing text", format!("{valid} x")),
        ("deep", deep),
        ("deep data", deep_data.to_string()),
        ("control characters", valid.replace("Person 1", "Person \u{1}")),
    ] {
        let answer = world.upload(body).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        assert!(answer.message().starts_with("Invalid Data Format"), "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_truncation_of_a_request_is_refused_or_understood() {
    let world = World::open().await;
    let whole = sample("15");
    for end in (0..whole.len()).step_by(37) {
        let answer = world.upload(whole[..end].to_vec()).await;
        assert_eq!(answer.status, 400, "cut at {end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn too_large_is_413_declared_or_not() {
    let world = World::with(Mode::Open, |settings| settings.bounds.body = 1_000).await;
    let answer = world.upload("x".repeat(1_001)).await;
    assert_eq!(answer.status, 413, "{}", answer.text);
    let chunks = (0..10).map(|_| Ok::<_, std::io::Error>("y".repeat(200)));
    let undeclared = reqwest::Body::wrap_stream(futures_util::stream::iter(chunks));
    assert_eq!(world.upload(undeclared).await.status, 413);
    assert_eq!(world.upload(sample("01")).await.status, 202);
}

#[tokio::test(flavor = "multi_thread")]
async fn gzip_in_open_mode_only() {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(&sample("01")).expect("write");
    let packed = encoder.finish().expect("finish");
    let send =
        |world: &World, body: Vec<u8>| got(world.upload_request(body).header("content-encoding", "gzip"));
    assert_eq!(send(&World::open().await, packed.clone()).await.status, 202);
    assert_eq!(send(&World::open().await, packed[..20].to_vec()).await.status, 400);
    assert_eq!(send(&World::strict().await, packed).await.status, 415);
    let request = World::open().await;
    let answer = got(request.upload_request("x").header("content-encoding", "br")).await;
    assert_eq!(answer.status, 415);
}

async fn raw(world: &World, text: &str) -> TcpStream {
    let mut stream = TcpStream::connect(world.base.trim_start_matches("http://")).await.expect("connect");
    stream.write_all(text.as_bytes()).await.expect("write");
    stream
}

fn head(world: &World, more: &str) -> String {
    format!(
        "POST {} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {}\r\nContent-Type: application/scim+json\r\n{more}\r\n",
        upload_path(),
        crate::world::token(&world.app, "http://localhost", crate::world::EVERYTHING)
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_body_is_408_and_a_slow_head_is_cut_off() {
    let world = World::with(Mode::Open, |settings| {
        settings.bounds.body_time = Duration::from_millis(200);
        settings.bounds.head_time = Duration::from_millis(200);
    })
    .await;
    let mut stream = raw(&world, &head(&world, "Content-Length: 1000\r\n")).await;
    stream.write_all(b"{").await.expect("write");
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 408");
    let mut stream = raw(&world, "POST /v1.0/x HTTP/1.1\r\nHost: ").await;
    let mut rest = Vec::new();
    let ended = tokio::time::timeout(Duration::from_secs(5), stream.read_to_end(&mut rest)).await;
    assert!(ended.is_ok(), "the connection is closed");
}

#[tokio::test(flavor = "multi_thread")]
async fn continue_is_sent_only_to_those_who_may() {
    let world = World::open().await;
    let body = sample("01");
    let more = format!("Content-Length: {}\r\nExpect: 100-continue\r\n", body.len());
    let mut stream = raw(&world, &head(&world, &more)).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 100");
    stream.write_all(&body).await.expect("write");
    let mut rest = vec![0; 25];
    stream.read_exact(&mut rest).await.expect("an answer");
    assert!(String::from_utf8_lossy(&rest).contains("HTTP/1.1 202"), "{}", String::from_utf8_lossy(&rest));
    let refused = head(&world, &more).replace("Bearer ", "Bearer x");
    let mut stream = raw(&world, &refused).await;
    let mut answer = vec![0; 12];
    stream.read_exact(&mut answer).await.expect("an answer");
    assert_eq!(answer, b"HTTP/1.1 401");
}

#[tokio::test(flavor = "multi_thread")]
async fn json_endpoints_say_what_is_wrong() {
    let world = World::open().await;
    for (path, method) in [("/secrets", Method::PUT), ("/jobs", Method::POST)] {
        let path = format!("{}{path}", job_path().split("/jobs").next().expect("path"));
        let answer = got(world.ask(method, &path).body("{\"value\":")).await;
        assert_eq!((answer.status, answer.code().as_str()), (400, "BadRequest"));
        assert!(answer.json()["error"]["details"][0]["message"].as_str().expect("text").contains("line 1"));
    }
}
