# Are the rendered machines, which the lease manager's tests read, those of this module?

run "the_rendered_machines_are_what_the_module_makes" {
  module {
    source = "./tests/machine"
  }

  assert {
    condition     = toset([for path in fileset("./tests/rendered", "*.json") : trimsuffix(path, ".json")]) == toset(keys(output.definitions))
    error_message = "tests/rendered holds other machines than the module makes: run scripts/render-states"
  }

  assert {
    condition = alltrue([
      for name, definition in output.definitions :
      jsondecode(definition) == jsondecode(file("./tests/rendered/${name}.json"))
    ])
    error_message = "tests/rendered is not what the module makes: run scripts/render-states"
  }
}
