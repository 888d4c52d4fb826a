//! No room left: workers are told, readers are served, and room made is enough to go on.

use std::{
    fs::{self, File},
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use crate::support::{Server, Storage, load, nothing_is_lost, register, until};

/// A small file system in memory, gone when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// None where the system does not let us mount one.
    fn mount(folder: &Path, mib: u32) -> Option<Self> {
        fs::create_dir(folder).unwrap();
        let size = format!("size={mib}m");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &size, "tabsweep-test"])
            .arg(folder)
            .status();
        mounted
            .is_ok_and(|status| status.success())
            .then(|| Self(folder.to_owned()))
    }

    /// Fills it up to the last byte.
    fn fill(&self) {
        let mut file = File::create(self.0.join("ballast")).unwrap();
        let piece = [7; 4096];
        while file.write_all(&piece).is_ok() {}
    }

    fn make_room(&self) {
        fs::remove_file(self.0.join("ballast")).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // A lazy one: the server may have its files open still.
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
#[ignore = "mounts a file system; `cargo xtask test` runs it"]
async fn a_full_disk_is_told_and_survived() {
    let folder = tempfile::tempdir().unwrap();
    let Some(disk) = SmallDisk::mount(&folder.path().join("disk"), 64) else {
        eprintln!("SKIPPED: a small file system can't be mounted here, which takes root");
        return;
    };
    let server = Server::start(folder.path(), Storage::Alone(disk.0.join("state")));
    let simulation = load(vec![server.url()], 10).await;
    let figures = simulation.figures();
    until("claims are taken", async || {
        figures.acknowledged().len() > 20
    })
    .await;
    disk.fill();
    until("uploads are refused", async || {
        figures.report().uploads_failed > 0
    })
    .await;
    // Whatever was on its way has arrived, or never will.
    tokio::time::sleep(Duration::from_secs(2)).await;
    let full = figures.acknowledged().len();
    let (status, problem) = register(&server).await;
    assert_eq!(
        (status, problem["type"].as_str()),
        (507, Some("disk_full")),
        "{problem}; {}",
        server.log()
    );
    let (status, study) = server.ask("/api/studies/1").await;
    assert_eq!((status, &study["name"]), (200, &"Trouble".into()));
    let verified = study["counts"]["verified"].as_u64().unwrap();
    assert!(verified > 0, "{study}");
    disk.make_room();
    until("claims are taken again", async || {
        figures.acknowledged().len() > full + 20
    })
    .await;
    assert!(server.log().contains("full"), "{}", server.log());
    nothing_is_lost(&server, &simulation).await;
}
