//! `tabsweep label`: uploads pictures, creates jobs, shows how they go and saves what they found.

use std::{
    collections::BTreeSet, convert::Infallible, path::PathBuf, str::FromStr, time::Duration,
};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};
use tabsweep_protocol::pack;

use super::{
    ClientError, Output, Server, command,
    export::{save_answer, send},
    pictures::Pictures,
};
use crate::{http_client::client, results::ResultFormat, secret::sha256_hex};

/// Bytes that are uploaded at a time, about.
const PACK_BYTES: usize = 8 << 20;
/// Hashes that are asked for at a time.
const ASKED: usize = 10_000;
/// How often a job is looked at.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whose model a job has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum JobModel {
    /// That of the best verified trial.
    Best,
    /// That of a trial: its study and its number.
    Trial(u32, u32),
    /// The bundle with this name, or whose hash begins so; of several the one added last.
    Bundle(String),
}

impl FromStr for JobModel {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        if text == "best" {
            return Ok(Self::Best);
        }
        let trial = text
            .split_once('/')
            .and_then(|(study, trial)| Some((study.parse().ok()?, trial.parse().ok()?)));
        Ok(match trial {
            Some((study, trial)) => Self::Trial(study, trial),
            None => Self::Bundle(text.to_owned()),
        })
    }
}

/// A job to be created.
#[derive(Clone, Debug)]
pub struct NewJob {
    /// A folder, a ZIP archive or an IDX file.
    pub images: PathBuf,
    /// Whose model.
    pub model: JobModel,
    /// How many labels each picture gets.
    pub top: u32,
    /// Its name; that of the pictures' file where there is none.
    pub name: Option<String>,
    /// Its share of the workers.
    pub weight: f64,
}

/// Pictures as the server is told of them.
struct Listed {
    /// A picture of the job each.
    entries: Vec<Value>,
    /// Hashes that the server has not.
    missing: BTreeSet<String>,
}

impl Server {
    /// Uploads pictures that the server does not have yet and creates a job of them; its line in the
    /// list.
    ///
    /// # Errors
    /// There are no pictures, or the server can't be reached or says no.
    pub async fn create_job(
        &self,
        job: NewJob,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let model = self.job_model(job.model).await?;
        let pictures = Pictures::open(&job.images)?;
        let Listed { entries, missing } = self.list_pictures(&pictures, &admin_token_file).await?;
        self.upload_pictures(&pictures, missing, &admin_token_file)
            .await?;
        let stem = job.images.file_name().unwrap_or(job.images.as_os_str());
        let name = job
            .name
            .unwrap_or_else(|| stem.to_string_lossy().into_owned());
        let mut body = json!({
            "name": name, "top": job.top, "weight": job.weight, "pictures": entries,
        });
        if model != Value::Null {
            body["model"] = model;
        }
        let request = client().post(format!("{}/api/jobs", self.url)).json(&body);
        Ok(job_line(&command(request, &admin_token_file).await?))
    }

    /// The model as the server takes it; null for the best.
    async fn job_model(&self, model: JobModel) -> Result<Value, ClientError> {
        let name = match model {
            JobModel::Best => return Ok(Value::Null),
            JobModel::Trial(study, trial) => return Ok(json!({ "study": study, "trial": trial })),
            JobModel::Bundle(name) => name,
        };
        match self.bundles_called(&name).await?.first() {
            Some(bundle) => Ok(json!({ "bundle": bundle["sha256"] })),
            None => Err(ClientError::NoModel { name }),
        }
    }

    async fn list_pictures(
        &self,
        pictures: &Pictures,
        admin_token_file: &PathBuf,
    ) -> Result<Listed, ClientError> {
        let bar = bar("reading", pictures.count());
        let mut entries = Vec::new();
        let mut hashes = BTreeSet::new();
        let read: Result<(), ClientError> = pictures.read_all(|picture, bytes| {
            bar.inc(1);
            let name = pictures.name(picture);
            entries.push(match bytes {
                Ok(bytes) => {
                    let sha256 = sha256_hex(&bytes);
                    hashes.insert(sha256.clone());
                    json!({ "name": name, "sha256": sha256 })
                }
                Err(reason) => json!({ "name": name, "unreadable": reason }),
            });
            Ok(())
        });
        read?;
        bar.finish_and_clear();
        let hashes: Vec<String> = hashes.into_iter().collect();
        let mut missing = BTreeSet::new();
        for hashes in hashes.chunks(ASKED) {
            let url = format!("{}/api/pictures/missing", self.url);
            let request = client().post(url).json(&json!({ "sha256": hashes }));
            let answer = command(request, admin_token_file).await?;
            let found = answer["sha256"].as_array().into_iter().flatten();
            missing.extend(found.filter_map(|hash| hash.as_str().map(str::to_owned)));
        }
        Ok(Listed { entries, missing })
    }

    async fn upload_pictures(
        &self,
        pictures: &Pictures,
        mut missing: BTreeSet<String>,
        admin_token_file: &PathBuf,
    ) -> Result<(), ClientError> {
        if missing.is_empty() {
            return Ok(());
        }
        let bar = bar("uploading", missing.len());
        let (sender, mut packs) = tokio::sync::mpsc::channel(1);
        // Reading waits while a pack is on its way, so that no more than two are in memory.
        let read = || {
            let mut bytes = Vec::new();
            let read = pictures.read_all(|_, picture| {
                let Ok(picture) = picture else { return Ok(()) };
                if missing.remove(&sha256_hex(&picture)) {
                    pack::push(&mut bytes, &picture);
                }
                if bytes.len() < PACK_BYTES {
                    return Ok(());
                }
                sender.blocking_send(std::mem::take(&mut bytes))
            });
            // Where nobody receives any more, the upload has failed and says so.
            let _ = read.and_then(|()| sender.blocking_send(bytes));
            drop(sender);
        };
        let upload = async {
            while let Some(pack) = packs.recv().await {
                let url = format!("{}/api/pictures", self.url);
                let request = client().post(url).body::<Vec<u8>>(pack);
                let kept = command(request, admin_token_file).await?;
                bar.inc(kept.as_array().map_or(0, Vec::len) as u64);
            }
            Ok(())
        };
        let uploaded = std::thread::scope(|scope| {
            scope.spawn(read);
            tokio::task::block_in_place(|| tokio::runtime::Handle::current().block_on(upload))
        });
        bar.finish_and_clear();
        uploaded
    }

    /// All jobs as text, one a line.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn list_jobs(&self) -> Result<String, ClientError> {
        let jobs = self.get("/api/jobs").await?;
        let lines = jobs.as_array().into_iter().flatten().map(job_line);
        Ok(lines.collect::<Vec<_>>().join("\n"))
    }

    /// A job's line in the list; with `watches` first a bar until it has ended.
    ///
    /// # Errors
    /// The server can't be reached or says no.
    pub async fn show_job(&self, id: u32, watches: bool) -> Result<String, ClientError> {
        let path = format!("/api/jobs/{id}");
        let mut job = self.get(&path).await?;
        if watches {
            let bar = bar("labelling", number(&job["pictures"]) as usize);
            while matches!(job["state"].as_str(), Some("running" | "paused")) {
                bar.set_position(number(&job["labelled"]) + number(&job["unreadable"]));
                tokio::time::sleep(LOOK_EVERY).await;
                job = self.get(&path).await?;
            }
            bar.finish_and_clear();
        }
        Ok(job_line(&job))
    }

    /// How often each class is the likeliest in a job, as text, one a line, the most frequent first.
    ///
    /// # Errors
    /// The token can't be read, or the server can't be reached or says no.
    pub async fn job_classes(
        &self,
        id: u32,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let url = format!("{}/api/jobs/{id}/classes", self.url);
        let mut classes = command(client().get(url), &admin_token_file).await?;
        let classes = classes.as_array_mut().map(std::mem::take);
        let mut classes = classes.unwrap_or_default();
        classes.sort_by_key(|class| std::cmp::Reverse(number(&class["pictures"])));
        Ok(classes
            .iter()
            .map(class_line)
            .collect::<Vec<_>>()
            .join("\n"))
    }

    /// Ends a job now; its line in the list.
    ///
    /// # Errors
    /// The token can't be read, or the server can't be reached or says no.
    pub async fn stop_job(
        &self,
        id: u32,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let url = format!("{}/api/jobs/{id}", self.url);
        let request = client().patch(url).json(&json!({ "state": "stopped" }));
        Ok(job_line(&command(request, &admin_token_file).await?))
    }

    /// Saves a job's labels; a line that says where they are, or nothing if that would stand among
    /// them.
    ///
    /// # Errors
    /// The file can't be written, or the server can't be reached or says no.
    pub async fn job_results(
        &self,
        id: u32,
        format: ResultFormat,
        output: Option<Output>,
        admin_token_file: PathBuf,
    ) -> Result<String, ClientError> {
        let extension = format.extension();
        let url = format!("{}/api/jobs/{id}/results?format={extension}", self.url);
        let response = send(client().get(url), &admin_token_file).await?;
        save_answer(response, output).await
    }
}

fn bar(what: &'static str, count: usize) -> ProgressBar {
    let style = ProgressStyle::with_template("{msg} {bar:40} {pos} of {len}, {eta} left");
    ProgressBar::new(count as u64)
        .with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
        .with_message(what)
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or_default()
}

fn class_line(class: &Value) -> String {
    let pictures = number(&class["pictures"]);
    match (class["class"].as_u64(), class["name"].as_str()) {
        (Some(number), Some(name)) => format!("{pictures:>7}  {number:>5}  {name}"),
        _ => format!("{pictures:>7}         can't be read"),
    }
}

fn job_line(job: &Value) -> String {
    let bad = match number(&job["unreadable"]) {
        0 => String::new(),
        unreadable => format!(", {unreadable} can't be read"),
    };
    format!(
        "{}  {}  [{}, {}]  {} of {} pictures labelled{bad}",
        job["id"],
        job["name"].as_str().unwrap_or_default(),
        job["model_name"].as_str().unwrap_or_default(),
        job["state"].as_str().unwrap_or_default(),
        job["labelled"],
        job["pictures"],
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_class_is_listed_by_number_and_name() {
        let class = json!({ "class": 285, "name": "Egyptian cat", "pictures": 12 });
        assert_eq!(class_line(&class), "     12    285  Egyptian cat");
        let bad = json!({ "class": null, "name": null, "pictures": 3 });
        assert_eq!(class_line(&bad), "      3         can't be read");
    }

    #[test]
    fn a_model_is_the_best_a_trials_or_a_bundle() {
        assert_eq!("best".parse(), Ok(JobModel::Best));
        assert_eq!("1/17".parse(), Ok(JobModel::Trial(1, 17)));
        let bundle = |name: &str| Ok(JobModel::Bundle(name.to_owned()));
        assert_eq!("MobileNet 0.75".parse(), bundle("MobileNet 0.75"));
        assert_eq!("a/b".parse(), bundle("a/b"));
    }
}
