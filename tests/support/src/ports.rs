//! Ports for what is started again at the same place: replicas, and servers of a test's own. Whoever starts
//! them names the port before anybody listens there, and the tests of a suite are processes that run at
//! once; so every process locks whole blocks of ports and gives nobody the same one twice.

use std::{
    fs::{self, File},
    net::TcpListener,
    ops::Range,
    os::unix::fs::PermissionsExt as _,
    process,
    sync::{Mutex, PoisonError},
};

use anyhow::{Context as _, bail};

/// Below those that the system gives to outgoing connections: nobody takes one by accident.
const PORTS: Range<u16> = 8_000..32_000;
/// Those of one lock.
const BLOCK: u16 = 40;

static BLOCKS: Mutex<Blocks> = Mutex::new(Blocks {
    locks: Vec::new(),
    left: 0..0,
});

struct Blocks {
    /// Held until this process ends.
    locks: Vec<File>,
    /// Of the newest block.
    left: Range<u16>,
}

/// The first of so many ports in a row, which nobody listens on and no other test gets.
pub(crate) fn take(count: u16) -> anyhow::Result<u16> {
    let mut blocks = BLOCKS.lock().unwrap_or_else(PoisonError::into_inner);
    loop {
        while blocks.left.len() >= usize::from(count) {
            let first = blocks.left.start;
            if (first..first + count).all(is_free) {
                blocks.left.start += count;
                return Ok(first);
            }
            blocks.left.start += 1;
        }
        blocks.lock_another()?;
    }
}

impl Blocks {
    fn lock_another(&mut self) -> anyhow::Result<()> {
        let folder = std::env::temp_dir().join("roomsync-ports");
        fs::create_dir_all(&folder)
            .with_context(|| format!("failed to make {}", folder.display()))?;
        // For every user of the machine; only the one who made it can say so, and has.
        let _ = fs::set_permissions(&folder, fs::Permissions::from_mode(0o777));
        let count = usize::from(BLOCK);
        let all = PORTS.step_by(count);
        // Not all from the same end: they would meet at every lock.
        let first = process::id() as usize % all.len();
        for block in all.clone().cycle().skip(first).take(all.len()) {
            let path = folder.join(block.to_string());
            // Another user's file may only be read, which is enough to lock it.
            let Ok(lock) = File::open(&path).or_else(|_| File::create(&path)) else {
                continue;
            };
            if lock.try_lock().is_ok() {
                self.locks.push(lock);
                self.left = block..block + BLOCK;
                return Ok(());
            }
        }
        bail!("found no free ports in {PORTS:?}")
    }
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn nobody_gets_a_port_twice_or_one_that_is_taken() {
        let first = take(4).unwrap();
        let _listener = TcpListener::bind(("127.0.0.1", first + 4));
        let more: Vec<u16> = (0..BLOCK).map(|_| take(1).unwrap()).collect();
        let all: BTreeSet<u16> = more.iter().copied().chain(first..first + 5).collect();
        assert_eq!(all.len(), usize::from(BLOCK) + 5, "{first}: {more:?}");
    }

    #[test]
    fn a_block_is_locked_against_other_processes() {
        let port = take(1).unwrap();
        let block = port - (port - PORTS.start) % BLOCK;
        let path = std::env::temp_dir()
            .join("roomsync-ports")
            .join(block.to_string());
        // Like another process: the lock belongs to the opened file.
        assert!(File::open(path).unwrap().try_lock().is_err());
    }
}
