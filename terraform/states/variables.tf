# What does a workflow say about itself? Who asks for the lease, where its states lie, and what they are called.
# What one variable alone can get wrong is refused here; what two can, in outputs.tf.

# --- Whom to ask, and how -------------------------------------------------------------------------------------------

variable "lease_manager_function_arn" {
  description = "ARN of the pool's lease manager, a Lambda function of the state machine's region. A version or an alias may follow its name."
  type        = string
  nullable    = false

  validation {
    condition = can(regex(
      "^arn:aws[a-z-]*:lambda:[a-z0-9-]+:[0-9]{12}:function:[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?$",
      var.lease_manager_function_arn,
    ))
    error_message = "lease_manager_function_arn must be a function's ARN, such as arn:aws:lambda:eu-central-1:123456789012:function:analytics-lease-manager: write module.<pool>.lease_manager_function_arn."
  }
}

variable "lease_manager_timeout_seconds" {
  description = "The timeout of that function, in whole seconds: `lease_manager_timeout_seconds` of terraform/pool. The states give up a call (but not the wait in the queue) half a minute later. Null: not known, so they give up no call before Lambda's own longest timeout, 900 s."
  type        = number
  default     = null

  validation {
    condition     = var.lease_manager_timeout_seconds == null ? true : var.lease_manager_timeout_seconds >= 1 && var.lease_manager_timeout_seconds <= 900 && floor(var.lease_manager_timeout_seconds) == var.lease_manager_timeout_seconds
    error_message = "lease_manager_timeout_seconds must be a whole number of seconds from 1 to 900, which is what Lambda allows: write module.<pool>.lease_manager_timeout_seconds, or leave it out."
  }
}

variable "mode" {
  description = "`queue`: AcquireLease waits in the pool's queue with its task token, three state transitions a job however long it waits. `poll`: it asks again and again, for workflows that have no task tokens (Express)."
  type        = string
  default     = "queue"
  nullable    = false

  validation {
    condition     = contains(["queue", "poll"], var.mode)
    error_message = "mode must be \"queue\" or \"poll\": write \"queue\", or \"poll\" in an Express workflow, which has no task tokens."
  }
}

variable "query_language" {
  description = "The query language of the states: `JSONPath`, or `JSONata`, which then stands on each of them. A machine whose own QueryLanguage is JSONata holds no JSONPath state; the other way round, both may be mixed."
  type        = string
  default     = "JSONPath"
  nullable    = false

  validation {
    condition     = contains(["JSONPath", "JSONata"], var.query_language)
    error_message = "query_language must be \"JSONPath\" or \"JSONata\", written like this."
  }
}

# --- Who asks -------------------------------------------------------------------------------------------------------

variable "key_path" {
  description = "Path of the key: the item's or branch's name, a string that no other branch of the same execution has. (Iterations of an inline Map and branches of a Parallel share their execution's id.) JSONPath: a path such as `$.resource_id`, or an intrinsic function such as `States.Format('{}', $.id)` for a number. JSONata: an expression without its {% %}, such as `$states.input.resource_id`. Required unless `single_holder` is true."
  type        = string
  default     = null

  validation {
    condition     = var.key_path == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.key_path))
    error_message = "key_path must be a path such as $.resource_id, or with JSONata an expression without its {% %}, such as $states.input.resource_id; at most 1,000 characters on one line."
  }
}

variable "single_holder" {
  description = "True: each execution asks for one lease at a time, so its id alone is the holder and no `key_path` is needed."
  type        = bool
  default     = false
  nullable    = false
}

variable "parent_path" {
  description = "Path of the id of the execution that started the map run: in a Distributed Map, its ItemSelector passes `$$.Execution.Id`. The leases of all items are freed when that execution ends. The lease manager warns if that execution holds every lease for which they wait. Written like `key_path`."
  type        = string
  default     = null

  validation {
    condition     = var.parent_path == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.parent_path))
    error_message = "parent_path must be a path such as $.parent, or with JSONata an expression without its {% %}, such as $states.input.parent; at most 1,000 characters on one line."
  }
}

variable "label_path" {
  description = "Where a text lies that people see beside the lease, such as `$$.Execution.Name`. Written like `key_path`."
  type        = string
  default     = null

  validation {
    condition     = var.label_path == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.label_path))
    error_message = "label_path must be a path such as $$.Execution.Name, or with JSONata an expression without its {% %}, such as $states.context.Execution.Name; at most 1,000 characters on one line."
  }
}

variable "lease_seconds" {
  description = "How long a lease lasts, in whole seconds; the pool's own duration caps it. Null: as long as the pool says."
  type        = number
  default     = null

  validation {
    condition     = var.lease_seconds == null ? true : var.lease_seconds >= 1 && var.lease_seconds <= 31536000 && floor(var.lease_seconds) == var.lease_seconds
    error_message = "lease_seconds must be a whole number of seconds from 1 to 31536000 (a year), or null for the pool's own duration."
  }
}

variable "wait_seconds" {
  description = "Queue mode: how long AcquireLease waits in the queue at most, in whole seconds. Then it fails with WaitedTooLong, and is not retried. The pool's longest wait caps it. Null: the pool's longest wait."
  type        = number
  default     = null

  validation {
    condition     = var.wait_seconds == null ? true : var.wait_seconds >= 1 && var.wait_seconds <= 31536000 && floor(var.wait_seconds) == var.wait_seconds
    error_message = "wait_seconds must be a whole number of seconds from 1 to 31536000 (a year), or null for the pool's longest wait."
  }
}

variable "acquire_timeout_seconds" {
  description = "Queue mode: if the lease manager tells the task nothing for this many seconds, AcquireLease fails with States.Timeout and asks again. It must be longer than the pool's longest wait (24 hours by default), after which the task is failed with WaitedTooLong."
  type        = number
  default     = 86580
  nullable    = false

  validation {
    condition     = var.acquire_timeout_seconds >= 1 && var.acquire_timeout_seconds <= 99999999 && floor(var.acquire_timeout_seconds) == var.acquire_timeout_seconds
    error_message = "acquire_timeout_seconds must be a whole number of seconds from 1 to 99999999: write the pool's longest wait and 60 more."
  }
}

# --- Where things lie in the state ----------------------------------------------------------------------------------

variable "sfn_lease_result_path" {
  description = "Path of the lease after AcquireLease, also with JSONata. It is an object, so its id is `$.lease.lease_id` and its fence `$.lease.fence`. The input of AcquireLease must be an object, and the work must leave this field alone."
  type        = string
  default     = "$.lease"
  nullable    = false

  validation {
    condition     = can(regex("^\\$(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.sfn_lease_result_path))
    error_message = "sfn_lease_result_path must name a field of the state's input, such as $.lease or $.job.lease (letters, digits and _), also with JSONata."
  }
}

variable "sfn_lease_id_jsonpath" {
  description = "Where ReleaseLease finds the lease's id, if the work moved it. Written like `key_path`. Null: where AcquireLease put it."
  type        = string
  default     = null

  validation {
    condition     = var.sfn_lease_id_jsonpath == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.sfn_lease_id_jsonpath))
    error_message = "sfn_lease_id_jsonpath must be a path such as $.lease.lease_id, or with JSONata an expression without its {% %}, such as $states.input.lease.lease_id; or null for where AcquireLease put it."
  }
}

variable "sfn_release_lease_result_path" {
  description = "Path for the answer to the release, such as `$.released` (its `note` says if the lease had expired); if the release fails, for its error. Null: the answer is dropped, and the input goes on unchanged."
  type        = string
  default     = null

  validation {
    condition     = var.sfn_release_lease_result_path == null || can(regex("^\\$(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.sfn_release_lease_result_path))
    error_message = "sfn_release_lease_result_path must name a field of the state's input, such as $.released (letters, digits and _), also with JSONata; or null to keep the input as it is."
  }
}

variable "sfn_error_path" {
  description = "Where the work's Catch (output `work_catch`) puts the error that is raised again after the release."
  type        = string
  default     = "$.lease_error"
  nullable    = false

  validation {
    condition     = can(regex("^\\$(\\.[A-Za-z_][A-Za-z0-9_]*)+$", var.sfn_error_path))
    error_message = "sfn_error_path must name a field of the state's input, such as $.lease_error (letters, digits and _), also with JSONata."
  }
}

# --- What comes next ------------------------------------------------------------------------------------------------

variable "sfn_post_acquire_lease_state" {
  description = "The work: name of the state that runs once a lease is granted. Yours; it must have `Next` = ReleaseLease and `Catch` = the output `work_catch`."
  type        = string
  default     = "Process"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_post_acquire_lease_state))
    error_message = "sfn_post_acquire_lease_state must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_post_release_lease_state" {
  description = "Name of the state after ReleaseLease; then `end_state_after_release_lease` must be false."
  type        = string
  default     = null

  validation {
    condition     = var.sfn_post_release_lease_state == null || can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_post_release_lease_state))
    error_message = "sfn_post_release_lease_state must be the name of a state, 1 to 80 characters on one line, or null if ReleaseLease is the end."
  }
}

variable "end_state_after_release_lease" {
  description = "True: ReleaseLease ends the workflow, branch or iteration. False: `sfn_post_release_lease_state` comes next."
  type        = bool
  default     = true
  nullable    = false
}

# --- What the states are called -------------------------------------------------------------------------------------

variable "sfn_acquire_lease_state_name" {
  description = "Name of the state that asks for a lease. Names are unique in a whole state machine: choose others in each branch of a Parallel."
  type        = string
  default     = "AcquireLease"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_acquire_lease_state_name))
    error_message = "sfn_acquire_lease_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_check_lease_state_name" {
  description = "Poll mode: name of the Choice that lets a granted lease through to the work, and nothing else."
  type        = string
  default     = "CheckLeaseStatus"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_check_lease_state_name))
    error_message = "sfn_check_lease_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_wait_state_name" {
  description = "Poll mode: name of the Wait between two questions, as long as the lease manager suggests."
  type        = string
  default     = "WaitForLease"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_wait_state_name))
    error_message = "sfn_wait_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_unexpected_answer_state_name" {
  description = "Poll mode: name of the Fail state for an answer that is neither a lease nor a time to wait. Its error is UnexpectedLeaseAnswer."
  type        = string
  default     = "UnexpectedLeaseAnswer"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_unexpected_answer_state_name))
    error_message = "sfn_unexpected_answer_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_release_lease_state_name" {
  description = "Name of the state that gives the lease back after the work."
  type        = string
  default     = "ReleaseLease"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_release_lease_state_name))
    error_message = "sfn_release_lease_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_left_to_expire_state_name" {
  description = "Name of the Succeed state that ends a job whose work is done but whose release failed after all retries; only there if ReleaseLease is the end."
  type        = string
  default     = "LeaseLeftToExpire"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_left_to_expire_state_name))
    error_message = "sfn_left_to_expire_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_release_after_failure_state_name" {
  description = "Name of the state that gives the lease back after the work failed."
  type        = string
  default     = "ReleaseLeaseAfterFailure"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_release_after_failure_state_name))
    error_message = "sfn_release_after_failure_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_raise_error_state_name" {
  description = "Name of the Fail state that raises the work's own error again, once its lease is given back."
  type        = string
  default     = "RaiseOriginalError"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_raise_error_state_name))
    error_message = "sfn_raise_error_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

# --- A Map or Parallel whose branches hold leases ------------------------------------------------------------------

variable "sfn_release_all_state_name" {
  description = "Name of the state that gives back the leases of cancelled branches: `branches_catch` leads to it."
  type        = string
  default     = "ReleaseAll"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_release_all_state_name))
    error_message = "sfn_release_all_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_check_release_all_state_name" {
  description = "Name of the Choice that calls again if one call could not free all."
  type        = string
  default     = "CheckReleaseAll"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_check_release_all_state_name))
    error_message = "sfn_check_release_all_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_raise_branch_error_state_name" {
  description = "Name of the Fail state that raises the failed branch's own error again, once all is given back."
  type        = string
  default     = "RaiseBranchError"
  nullable    = false

  validation {
    condition     = can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_raise_branch_error_state_name))
    error_message = "sfn_raise_branch_error_state_name must be the name of a state: 1 to 80 characters on one line."
  }
}

variable "sfn_post_release_all_state" {
  description = "Name of the state after CheckReleaseAll, where the workflow is to go on although a branch failed; the error lies at `sfn_error_path`. Null: the error is raised again."
  type        = string
  default     = null

  validation {
    condition     = var.sfn_post_release_all_state == null || can(regex("^[^[:cntrl:]]{1,80}$", var.sfn_post_release_all_state))
    error_message = "sfn_post_release_all_state must be the name of a state, 1 to 80 characters on one line, or null to raise the error again."
  }
}

variable "release_all_key_prefix_path" {
  description = "Path, in the input of the Map or Parallel, of a text with which all keys of its branches begin: ReleaseAll leaves other keys of the execution alone. Needed if another branch of the same execution may hold a lease meanwhile. Written like `key_path`; for a text of your own `States.Format('left-{}', '')`, with JSONata `'left-'`. Null: all leases of the execution."
  type        = string
  default     = null

  validation {
    condition     = var.release_all_key_prefix_path == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.release_all_key_prefix_path))
    error_message = "release_all_key_prefix_path must be a path such as $.customer, or with JSONata an expression without its {% %}, such as $states.input.customer; at most 1,000 characters on one line."
  }
}

variable "release_all_parent_path" {
  description = "Path, in the input of the Map or Parallel, of the id of the execution that started the map run. Needed if the Map or Parallel stands in an item of a Distributed Map with `parent_path`. Written like `key_path`."
  type        = string
  default     = null

  validation {
    condition     = var.release_all_parent_path == null || can(regex("^[^%[:cntrl:]]{2,1000}$", var.release_all_parent_path))
    error_message = "release_all_parent_path must be a path such as $.parent, or with JSONata an expression without its {% %}, such as $states.input.parent; at most 1,000 characters on one line."
  }
}

# --- The work, if it is to be checked ------------------------------------------------------------------------------

variable "work_state" {
  description = "The work itself: a Task, Parallel or Map as an object, without `Next`, `End` and `Catch`. Then `states` holds it too, with `Next` and `Catch` put in. The module checks that it leaves the lease alone, and warns if its Retry and `TimeoutSeconds` allow it to go on for longer than the lease. Work without `TimeoutSeconds` counts as no time, so there it does not warn. Null: you merge it yourself."
  type        = any
  default     = null
}

variable "longest_work_seconds" {
  description = "How long the work may go on under one lease without renewing it, in seconds: `longest_work_seconds` of terraform/pool. Only for the check of `work_state`. Null: until the lease ends."
  type        = number
  default     = null

  validation {
    condition     = var.longest_work_seconds == null ? true : var.longest_work_seconds >= 1
    error_message = "longest_work_seconds must be a number of seconds, 1 or more: write module.<pool>.longest_work_seconds, or leave it out."
  }
}

variable "max_lease_duration_seconds" {
  description = "How long the pool's own leases last, in seconds: `max_lease_duration_seconds` of terraform/pool. Only for the check of `work_state`: if `lease_seconds` is less, the lease ends after that, unless sweeps extend it. Null: not known, so `longest_work_seconds` is believed."
  type        = number
  default     = null

  validation {
    condition     = var.max_lease_duration_seconds == null ? true : var.max_lease_duration_seconds >= 1
    error_message = "max_lease_duration_seconds must be a number of seconds, 1 or more: write module.<pool>.max_lease_duration_seconds, or leave it out."
  }
}
