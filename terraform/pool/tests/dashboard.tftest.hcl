# What does the pool's dashboard show? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name_prefix           = "team"
  table_name            = "leases"
  table_arn             = "arn:aws:dynamodb:eu-central-1:123456789012:table/leases"
  lease_prefix          = "analytics"
  key_path              = "$.resource_id"
  lambda_package        = "versions.tf"
  max_concurrent_leases = 15
}

run "a_dashboard_is_made_only_when_asked_for" {
  command = plan

  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0
    error_message = "A dashboard may cost, and was not asked for."
  }
}

run "it_shows_the_pool_by_the_names_of_its_metrics" {
  variables {
    create_dashboard  = true
    metrics_namespace = "team/leases"
  }

  assert {
    condition     = output.dashboard_name == "team-lease-pool"
    error_message = "Its name is ${output.dashboard_name}."
  }
  assert {
    condition = {
      for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : w.properties.title => join(", ", [for m in w.properties.metrics : "${m[1]} ${m[length(m) - 1].stat}"])
      } == {
      "Leases held, against the limit"           = "Held Maximum"
      "Waiting (counted up to 100)"              = "Waiting Maximum"
      "The oldest wait (ms)"                     = "OldestWait Maximum"
      "From joining the queue to the lease (ms)" = "WaitTime p50, WaitTime p99"
      "From the lease to its release (ms)"       = "HoldTime p50, HoldTime p99"
      "Leases"                                   = "LeaseGranted Sum, LeaseReleased Sum, LeaseReclaimed Sum"
      "What goes wrong"                          = "Errors Sum, WorkOutlastedLease Sum, ExtensionsMissed Sum, NoticeRefused Sum, WaitsForAncestor Sum, LeaseLost Sum, WaiterGone Sum"
      "The lease manager's calls"                = "Invocations Sum, Errors Sum, Throttles Sum, Duration p99"
    }
    error_message = "It shows something else: ${aws_cloudwatch_dashboard.this[0].dashboard_body}."
  }
  assert {
    condition     = slice(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.metrics[0], 0, 6) == ["team/leases", "Held", "service", "lease-manager", "prefix", "analytics"]
    error_message = "It looks at dimensions that the lease manager does not write."
  }
  assert {
    condition     = slice(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[7].properties.metrics[0], 0, 4) == ["AWS/Lambda", "Invocations", "FunctionName", "team-lease-manager"]
    error_message = "It looks at another function."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.annotations.horizontal == [{ label = "limit", value = 15 }]
    error_message = "It does not show the limit."
  }
  assert {
    condition     = length(distinct([for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : "${w.x} ${w.y}"])) == 8 && alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : w.properties.region == "eu-central-1"])
    error_message = "One part of it lies upon another, or shows another region."
  }
}
