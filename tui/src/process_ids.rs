//! Process ids: which group and which session is this process in, by the numbers that its container has for them?
//! A container's processes may have been put there by somebody outside (nsenter, some agents of CI). Then the group or the
//! session that they are in has no number inside: 0 stands for it.

/// The numbers of a group and a session; 0: one of outside.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ProcessIds {
    /// The process group.
    pub group: i32,
    /// The session.
    pub session: i32,
}

impl ProcessIds {
    /// Those of this process. Where the system does not tell, it is as if they were outside.
    #[cfg(target_os = "linux")]
    pub fn own() -> ProcessIds {
        // Asked directly, rustix gives numbers that are never 0.
        let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
        // A /proc of outside has other numbers.
        if stat.split(' ').next() != Some(&std::process::id().to_string()) {
            return ProcessIds::default();
        }
        ProcessIds::of_stat(&stat).unwrap_or_default()
    }

    /// Those of this process.
    #[cfg(not(target_os = "linux"))]
    pub fn own() -> ProcessIds {
        let number = |id: rustix::process::Pid| id.as_raw_nonzero().get();
        ProcessIds {
            group: number(rustix::process::getpgrp()),
            session: rustix::process::getsid(None).map_or(0, number),
        }
    }

    /// From `12 (a name) S 1 12 12 ...`, a process's `stat` in `/proc`: behind its state and its parent. Those of one that is
    /// just going are -1.
    pub fn of_stat(stat: &str) -> Option<ProcessIds> {
        // A name may have anything in it.
        let (_, rest) = stat.rsplit_once(") ")?;
        let mut numbers = rest.split(' ').skip(2).map_while(|number| number.parse().ok());
        Some(ProcessIds { group: numbers.next()?, session: numbers.next()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_and_sessions_are_read_whatever_they_are() {
        let read = ProcessIds::of_stat;
        assert_eq!(read("12 (a) S 1 (b) S 7 8 9 0 -1"), Some(ProcessIds { group: 8, session: 9 }));
        assert_eq!(read("12 (cat) R 1 0 0 0 -1"), Some(ProcessIds { group: 0, session: 0 }));
        assert_eq!(read("12 (sh) X 0 -1 -1 0 -1"), Some(ProcessIds { group: -1, session: -1 }));
        assert_eq!((read(""), read("12 (sh) S 1")), (None, None));
    }

    #[test]
    fn this_process_is_in_some_group_and_session() {
        let own = ProcessIds::own();
        assert!(own.group >= 0 && own.session >= 0, "{own:?}");
    }
}
