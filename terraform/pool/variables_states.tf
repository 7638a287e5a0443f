# What can be chosen about the workflow states? All of it is handed on to ../states, which says what is wrong with it.

variable "mode" {
  description = "How a workflow waits for a lease: `queue` (a task token; three state transitions a job, nobody polls) or `poll` (asks again after the seconds that the lease manager suggests)."
  type        = string
  default     = "queue"
  nullable    = false
}

variable "query_language" {
  description = "The query language of the workflow: `JSONPath` or `JSONata`."
  type        = string
  default     = "JSONPath"
  nullable    = false
}

variable "key_path" {
  description = "Path of the holder's key in the input: which item or branch of the execution wants the lease. A JSONPath such as `$.resource_id`, or with JSONata an expression without `{% %}` such as `$states.input.resource_id`. Needed unless `single_holder`."
  type        = string
  default     = null
}

variable "single_holder" {
  description = "Whether each execution has one branch that wants a lease, so that no key is needed."
  type        = bool
  default     = false
  nullable    = false
}

variable "parent_path" {
  description = "Where in the input the execution lies that started a Distributed Map, as its ItemSelector passes it."
  type        = string
  default     = null
}

variable "label_path" {
  description = "Where in the input a label lies that is shown to people."
  type        = string
  default     = null
}

variable "lease_seconds" {
  description = "How long the leases of this workflow last, in seconds; `null`: `max_lease_duration_seconds`, which is also the most."
  type        = number
  default     = null
}

variable "wait_seconds" {
  description = "How long AcquireLease waits in the queue at most, in seconds, before it fails with WaitedTooLong; `null`: `longest_wait_seconds`, which is also the most. Only in queue mode."
  type        = number
  default     = null
}

variable "acquire_timeout_seconds" {
  description = "How long AcquireLease may take in queue mode, in seconds; `null`: `longest_wait_seconds`, two sweeps and a minute."
  type        = number
  default     = null
}

variable "sfn_acquire_lease_state_name" {
  description = "Name of the state that acquires."
  type        = string
  default     = "AcquireLease"
  nullable    = false
}

variable "sfn_check_lease_state_name" {
  description = "Name of the state that looks at the answer (poll mode)."
  type        = string
  default     = "CheckLeaseStatus"
  nullable    = false
}

variable "sfn_wait_state_name" {
  description = "Name of the state that waits before asking again (poll mode)."
  type        = string
  default     = "WaitForLease"
  nullable    = false
}

variable "sfn_release_lease_state_name" {
  description = "Name of the state that releases."
  type        = string
  default     = "ReleaseLease"
  nullable    = false
}

variable "sfn_release_after_failure_state_name" {
  description = "Name of the state that releases when the work has failed."
  type        = string
  default     = "ReleaseLeaseAfterFailure"
  nullable    = false
}

variable "sfn_raise_error_state_name" {
  description = "Name of the state that raises the work's error again."
  type        = string
  default     = "RaiseOriginalError"
  nullable    = false
}

variable "sfn_unexpected_answer_state_name" {
  description = "Name of the state that an answer leads to that is none (poll mode)."
  type        = string
  default     = "UnexpectedLeaseAnswer"
  nullable    = false
}

variable "sfn_left_to_expire_state_name" {
  description = "Name of the state that ends a workflow whose work is done but whose release failed."
  type        = string
  default     = "LeaseLeftToExpire"
  nullable    = false
}

variable "sfn_lease_result_path" {
  description = "Where the lease is put: its id is then `$.lease.lease_id`."
  type        = string
  default     = "$.lease"
  nullable    = false
}

variable "sfn_lease_id_jsonpath" {
  description = "Where ReleaseLease finds the lease's id; `null`: `lease_id` in `sfn_lease_result_path`."
  type        = string
  default     = null
}

variable "sfn_release_lease_result_path" {
  description = "Where the answer to the release is put; `null`: nowhere, so that ReleaseLease's output is its input."
  type        = string
  default     = null
}

variable "sfn_error_path" {
  description = "Where the work's `Catch` puts the error."
  type        = string
  default     = "$.lease_error"
  nullable    = false
}

variable "sfn_post_acquire_lease_state" {
  description = "Name of the work state, where a lease leads to."
  type        = string
  default     = "Process"
  nullable    = false
}

variable "sfn_post_release_lease_state" {
  description = "Name of the state after ReleaseLease; needs `end_state_after_release_lease = false`."
  type        = string
  default     = null
}

variable "end_state_after_release_lease" {
  description = "Whether ReleaseLease ends the workflow."
  type        = bool
  default     = true
  nullable    = false
}

variable "sfn_release_all_state_name" {
  description = "Name of the state that frees the leases of a Map's or Parallel's cancelled branches."
  type        = string
  default     = "ReleaseAll"
  nullable    = false
}

variable "sfn_check_release_all_state_name" {
  description = "Name of the state that asks whether there is more to free."
  type        = string
  default     = "CheckReleaseAll"
  nullable    = false
}

variable "sfn_raise_branch_error_state_name" {
  description = "Name of the state that raises the failed branch's error again."
  type        = string
  default     = "RaiseBranchError"
  nullable    = false
}

variable "sfn_post_release_all_state" {
  description = "Name of the state after that, if the workflow goes on although a branch failed; `null`: the error is raised again."
  type        = string
  default     = null
}

variable "release_all_key_prefix_path" {
  description = "Path of a text with which the keys of the branches begin, so that ReleaseAll frees no others; `null`: all of the execution."
  type        = string
  default     = null
}

variable "release_all_parent_path" {
  description = "Where the execution lies that started a Distributed Map, if the Map or Parallel stands in an item of it."
  type        = string
  default     = null
}

variable "work_state" {
  description = "The work itself, without `Next`, `End` and `Catch`: then it is checked, and part of `states`. `null`: you merge it yourself."
  type        = any
  default     = null
}
