//! The cluster that is measured: the services as processes, with the durations and limits of their own
//! `config.default.toml` instead of the short ones of tests. What differs is said: Google's limits are
//! raised out of the way, because what is measured is our own time, not the wait for a quota.

use roomsync_testkit::{Cluster, ClusterBuilder, Service};
use toml::{Table, Value};

use crate::report::line;

/// Requests a minute, for each of Google's limits.
const LIMIT: i64 = 1_000_000;

/// A cluster of processes that are configured as in production, but for Google's limits.
pub(crate) fn cluster(name: &str) -> ClusterBuilder {
    let mut builder = processes(name);
    for limit in [
        "per_user_per_minute",
        "per_project_per_minute",
        "directory_per_user_per_minute",
    ] {
        builder = builder.set(Service::BookingCommand, &format!("budget.{limit}"), LIMIT);
    }
    line(&format!(
        "Google's limits are raised to {LIMIT} requests a minute; everything else is as by default"
    ));
    builder
}

/// The same with Google's limits, which the simulator enforces.
pub(crate) fn within_googles_limits(name: &str) -> ClusterBuilder {
    let (user, directory, project) = (600, 2400, 10_000);
    line(&format!(
        "Google's limits are enforced: {user} requests a minute and user, {project} a minute and project; \
         everything is as by default"
    ));
    processes(name).google(move |settings| {
        settings.quota_per_user_per_minute = Some(user);
        settings.quota_directory_per_user_per_minute = Some(directory);
        settings.quota_per_project_per_minute = Some(project);
    })
}

fn processes(name: &str) -> ClusterBuilder {
    let mut builder =
        Cluster::builder(name).with_every_push("pushes are what is counted and timed");
    for service in Service::ALL {
        builder = builder.as_process(service).config(service, as_by_default);
    }
    builder
}

/// Takes away what the testkit shortens; what is not given is as by default.
fn as_by_default(table: &mut Table) {
    for section in ["sync", "gap", "shutdown"] {
        table.remove(section);
    }
    for (section, key) in [("broker", "ladder"), ("database", "max_connections")] {
        if let Some(section) = table.get_mut(section).and_then(Value::as_table_mut) {
            section.remove(key);
        }
    }
}

/// Prints what each service uses.
pub(crate) fn memory(cluster: &Cluster, replicas: usize) {
    for service in Service::ALL {
        let count = if service == Service::SyncWorker {
            replicas
        } else {
            1
        };
        for index in 0..count {
            if let Some(pid) = cluster.pid(service, index) {
                line(&format!("{service} memory: {}", crate::report::memory(pid)));
            }
        }
    }
}
