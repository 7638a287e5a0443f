//! Task tokens: how does a waiting worker learn what became of its wish?
//! By its token, as a Step Functions task does: the first notice for a token ends its task, and later ones find it
//! closed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use leasehold_core::{Delivery, ExecutionStatus, TaskCallback, TaskResult, TaskToken};
use leasehold_store::{ExecutionStatusSource, Notifier};
use tokio::sync::oneshot;

/// The tasks that wait, by their tokens. Clones are the same tasks.
#[derive(Clone, Debug, Default)]
pub(crate) struct WaitingTasks(Arc<Mutex<HashMap<TaskToken, oneshot::Sender<TaskResult>>>>);

/// A task that waits. Dropped, it is closed.
pub(crate) struct WaitingTask {
    /// What a notice is sent to.
    pub(crate) token: TaskToken,
    news: oneshot::Receiver<TaskResult>,
    tasks: WaitingTasks,
}

impl WaitingTasks {
    /// A new task with this token, which must be new too.
    pub(crate) fn open(&self, token: TaskToken) -> WaitingTask {
        let (tell, news) = oneshot::channel();
        self.waiting().insert(token.clone(), tell);
        WaitingTask { token, news, tasks: self.clone() }
    }

    fn waiting(&self) -> MutexGuard<'_, HashMap<TaskToken, oneshot::Sender<TaskResult>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Notifier for WaitingTasks {
    async fn notify(&self, callback: &TaskCallback) -> Delivery {
        let task = self.waiting().remove(&callback.token);
        match task.map(|tell| tell.send(callback.result.clone())) {
            Some(Ok(())) => Delivery::Delivered,
            Some(Err(_)) | None => Delivery::Closed,
        }
    }
}

impl WaitingTask {
    /// What the task is told; never, if nobody tells it.
    pub(crate) async fn news(&mut self) -> TaskResult {
        match (&mut self.news).await {
            Ok(news) => news,
            // The sender goes only when it sends or when the task itself goes.
            Err(_) => std::future::pending().await,
        }
    }

    /// Closes the task: what it was told in time, if anything. Whoever comes later finds it closed.
    pub(crate) fn close(mut self) -> Option<TaskResult> {
        self.news.close();
        self.news.try_recv().ok()
    }
}

impl Drop for WaitingTask {
    fn drop(&mut self) {
        self.tasks.waiting().remove(&self.token);
    }
}

/// What is known of the executions of one run: its own run as long as this program does, others it knows nothing of.
#[derive(Clone, Debug)]
pub(crate) struct OwnRun(pub(crate) Arc<str>);

impl ExecutionStatusSource for OwnRun {
    async fn status(&self, execution: &str) -> ExecutionStatus {
        // A worker that died silently counts as running: only time shows that it does not.
        if execution.starts_with(&*self.0) { ExecutionStatus::Running } else { ExecutionStatus::Unknown }
    }
}

#[cfg(test)]
mod tests {
    use leasehold_core::FailureReason;

    use super::*;

    async fn tell(tasks: &WaitingTasks, token: &TaskToken) -> Delivery {
        tasks.notify(&TaskCallback { token: token.clone(), result: TaskResult::Failed(FailureReason::Released) }).await
    }

    #[tokio::test]
    async fn the_first_notice_ends_a_task_and_later_ones_find_it_closed() {
        let (tasks, token) = (WaitingTasks::default(), TaskToken::new("t").expect("token"));
        let mut task = tasks.open(token.clone());
        assert_eq!(tell(&tasks, &token).await, Delivery::Delivered);
        assert_eq!(task.news().await, TaskResult::Failed(FailureReason::Released));
        assert_eq!(tell(&tasks, &token).await, Delivery::Closed);
    }

    #[tokio::test]
    async fn a_task_that_is_gone_is_closed() {
        let (tasks, token) = (WaitingTasks::default(), TaskToken::new("t").expect("token"));
        drop(tasks.open(token.clone()));
        assert_eq!(tell(&tasks, &token).await, Delivery::Closed);
    }

    #[tokio::test]
    async fn a_notice_that_came_in_time_is_found_when_the_task_closes() {
        let (tasks, token) = (WaitingTasks::default(), TaskToken::new("t").expect("token"));
        let task = tasks.open(token.clone());
        assert_eq!(tell(&tasks, &token).await, Delivery::Delivered);
        assert_eq!(task.close(), Some(TaskResult::Failed(FailureReason::Released)));
    }
}
