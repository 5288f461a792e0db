use crate::api::Api;
#[tokio::test(flavor = "multi_thread")]
async fn probe() {
    let api = Api::start().await;
    for path in ["/docs/", "/"] {
        let url = format!("http://{}{path}", api.address);
        let out = tokio::task::spawn_blocking(move || {
            std::process::Command::new("timeout").args(["60", "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--virtual-time-budget=8000", "--dump-dom", &url]).output().unwrap()
        }).await.unwrap();
        let dom = String::from_utf8_lossy(&out.stdout);
        let err = String::from_utf8_lossy(&out.stderr);
        println!("PROBE {path} ops={} len={}", dom.matches("opblock-summary-path").count(), dom.len());
        for l in err.lines().filter(|l| l.contains("CONSOLE")) { println!("PROBE {l}"); }
        if path == "/" { println!("PROBE {}", &dom[..dom.len().min(800)]); }
    }
}
