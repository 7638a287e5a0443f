# What does the table's dashboard show? Against a mocked provider; needs Terraform 1.7.

mock_provider "aws" {
  mock_data "aws_region" {
    defaults = { id = "eu-central-1" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws", dns_suffix = "amazonaws.com" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:eu-central-1:123456789012:table/regional-concurrency-leases" }
  }
}

run "a_dashboard_is_made_only_when_asked_for" {
  assert {
    condition     = length(aws_cloudwatch_dashboard.this) == 0 && output.dashboard_name == null
    error_message = "A dashboard may cost, and was not asked for."
  }
}

run "it_shows_all_pools_and_what_the_table_does_and_costs" {
  variables {
    name              = "team.leases"
    create_dashboard  = true
    metrics_namespace = "team/leases"
    dashboard_prices  = { million_reads = 0.15, million_writes = 0.75 }
  }

  assert {
    condition     = output.dashboard_name == "team-leases"
    error_message = "Its name is ${output.dashboard_name}, and a dashboard's name has no dots."
  }
  assert {
    condition = [for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : w.properties.title] == [
      "Leases held, by pool", "Waiting, by pool (counted up to 100)", "The oldest wait, by pool (ms)",
      "Calls of lease managers that failed, by pool", "Units consumed", "Cost of the units, in dollars an hour",
      "Refused: the table was too busy, or two wrote at once", "How long requests take (ms, p99)",
    ]
    error_message = "It does not show these eight things."
  }
  assert {
    condition     = jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[0].properties.metrics[0][0].expression == "SEARCH('{\"team/leases\",service,prefix} service=\"lease-manager\" MetricName=\"Held\"', 'Maximum', 60)"
    error_message = "It looks for the pools' metrics somewhere else."
  }
  assert {
    condition = (
      jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[5].properties.metrics[0][0].expression ==
      "(FILL(read_table, 0) + FILL(read_index, 0)) * 0.15 / 1000000 + (FILL(write_table, 0) + FILL(write_index, 0)) * 0.75 / 1000000"
    )
    error_message = "The cost is not units times prices, the index's included."
  }
  assert {
    condition = toset([
      for metric in slice(jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets[5].properties.metrics, 1, 5) : metric[length(metric) - 1].id
    ]) == toset(["read_table", "read_index", "write_table", "write_index"])
    error_message = "The cost is made of something that is not there."
  }
  assert {
    condition     = alltrue([for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : w.properties.region == "eu-central-1"])
    error_message = "It shows another region."
  }
  assert {
    condition     = length(distinct([for w in jsondecode(aws_cloudwatch_dashboard.this[0].dashboard_body).widgets : "${w.x} ${w.y}"])) == 8
    error_message = "One part of it lies upon another."
  }
}

run "table_and_dashboard_lie_in_the_region_that_is_asked_for" {
  command = plan

  variables {
    create_dashboard = true
    region           = "eusc-de-east-1"
  }

  assert {
    condition     = aws_dynamodb_table.this[0].region == "eusc-de-east-1" && aws_cloudwatch_dashboard.this[0].region == "eusc-de-east-1"
    error_message = "Something lies in the provider's region."
  }
}

run "what_can_be_no_dashboard_is_refused" {
  command = plan

  variables {
    region            = "frankfurt"
    dashboard_name    = "no dots."
    dashboard_prices  = { million_reads = -1 }
    metrics_namespace = "AWS/Lambda"
  }

  expect_failures = [var.region, var.dashboard_name, var.dashboard_prices, var.metrics_namespace]
}
