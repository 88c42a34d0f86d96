//! hyper on one thread: `hyper_peer KIND ANSWER_FILE`. Prints its port.

use std::convert::Infallible;
use std::env;
use std::fs;

use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{HeaderValue, CONTENT_TYPE};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;

fn respond(body: Bytes, media_type: &'static str) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(media_type));
    response
}

async fn serve(
    mut request: Request<Incoming>,
    body: Bytes,
    media_type: &'static str,
) -> Result<Response<Full<Bytes>>, Infallible> {
    if request.method() != Method::POST {
        return Ok(respond(body, media_type));
    }
    let mut count = 0;
    while let Some(Ok(frame)) = request.body_mut().frame().await {
        count += frame.data_ref().map_or(0, Bytes::len);
    }
    Ok(respond(Bytes::from(count.to_string()), media_type))
}

fn main() {
    let mut arguments = env::args().skip(1);
    let kind = arguments.next().expect("a kind");
    let body = Bytes::from(fs::read(arguments.next().expect("a file")).expect("the answer's body"));
    let text = kind == "hello" || kind == "upload";
    let media_type = if text { "text/plain;charset=utf-8" } else { "application/octet-stream" };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().expect("a runtime");
    let local = tokio::task::LocalSet::new();
    local.block_on(&runtime, async move {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        println!("{{\"port\":{}}}", listener.local_addr().expect("an address").port());
        loop {
            let (stream, _) = listener.accept().await.expect("a connection");
            stream.set_nodelay(true).expect("no delay");
            let body = body.clone();
            tokio::task::spawn_local(async move {
                let service = service_fn(move |request| serve(request, body.clone(), media_type));
                let _ = http1::Builder::new()
                    .pipeline_flush(true)
                    .serve_connection(TokioIo::new(stream), service)
                    .await;
            });
        }
    });
}
