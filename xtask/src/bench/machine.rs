//! The machine that figures are of, as far as Linux tells.
//! Knows nothing of what is measured.

use std::collections::BTreeMap;
use std::fs;
use std::thread;

use serde::Serialize;

use crate::cargo;
use crate::process;

/// What figures depend on.
#[derive(Clone, Debug, Serialize)]
pub struct Machine {
    /// The processor's name.
    pub cpu: String,
    /// Cores that programs may use.
    pub cores: usize,
    /// Memory in GiB.
    pub memory_gib: Option<f64>,
    /// Name and version of the system.
    pub system: String,
    /// Programs that wanted a core in the last minute, before anything was measured: figures of a
    /// machine that others use are worth less.
    pub load_before: Option<f64>,
    /// Versions of what was measured in and with.
    pub versions: BTreeMap<String, String>,
}

impl Machine {
    /// This machine, now, with the compiler's version and others.
    #[must_use]
    pub fn found(mut versions: BTreeMap<String, String>) -> Self {
        if let Ok(rustc) = process::output(cargo::active_rustc().arg("--version")) {
            versions.insert("rustc".to_owned(), rustc);
        }
        let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
        let unknown = || "unknown".to_owned();
        Self {
            cpu: processor(&read("/proc/cpuinfo")).unwrap_or_else(unknown),
            cores: thread::available_parallelism().map_or(1, usize::from),
            memory_gib: memory_gib(&read("/proc/meminfo")),
            system: system(&read("/etc/os-release")).unwrap_or_else(unknown),
            load_before: load(&read("/proc/loadavg")),
            versions,
        }
    }
}

/// Name, family and model: virtual machines often hide the name.
fn processor(cpuinfo: &str) -> Option<String> {
    let field = |name: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        let (_, value) = fields.find(|(key, _)| key.trim() == name)?;
        Some(value.trim().to_owned())
    };
    let name = field("model name")?;
    Some(match field("cpu family").zip(field("model")) {
        Some((family, model)) => format!("{name} (family {family}, model {model})"),
        None => name,
    })
}

fn memory_gib(meminfo: &str) -> Option<f64> {
    let line = meminfo
        .lines()
        .find_map(|line| line.strip_prefix("MemTotal:"))?;
    let kibibytes: f64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some((kibibytes / 1024.0 / 1024.0 * 10.0).round() / 10.0)
}

fn system(os_release: &str) -> Option<String> {
    let line = os_release
        .lines()
        .find_map(|line| line.strip_prefix("PRETTY_NAME="))?;
    Some(line.trim_matches('"').to_owned())
}

fn load(loadavg: &str) -> Option<f64> {
    loadavg.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linux_is_understood() {
        let cpuinfo = "processor\t: 0\ncpu family\t: 25\nmodel\t\t: 1\nmodel name\t: AMD EPYC\n";
        let processor = processor(cpuinfo).unwrap();
        assert_eq!(processor, "AMD EPYC (family 25, model 1)");
        assert_eq!(memory_gib("MemTotal:       24682000 kB\n"), Some(23.5));
        let debian = system("NAME=x\nPRETTY_NAME=\"Debian GNU/Linux 12 (bookworm)\"\n");
        assert_eq!(debian.as_deref(), Some("Debian GNU/Linux 12 (bookworm)"));
        assert_eq!(load("0.16 0.53 1.23 1/100 5\n"), Some(0.16));
    }

    #[test]
    fn what_is_not_told_is_unknown() {
        assert_eq!(processor(""), None);
        assert_eq!(memory_gib("nothing"), None);
    }
}
