"""What is changed in moto, so that its Step Functions runs here and does what AWS documents?

moto carries LocalStack's interpreter. Each change reaches into private code, so requirements.txt pins the version.
"""

from __future__ import annotations

import datetime
import json
import sys
import threading
from collections.abc import Callable
from typing import Any

import boto3
import moto.stepfunctions.parser.models as models
from botocore.config import Config
from botocore.exceptions import ClientError
from moto.stepfunctions import exceptions, responses
from moto.stepfunctions.parser.api import (
    EvaluationFailedEventDetails,
    HistoryEventType,
    LambdaFunctionFailedEventDetails,
)
from moto.stepfunctions.parser.asl.component.common.error_name.custom_error_name import CustomErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.error_equals_decl import ErrorEqualsDecl
from moto.stepfunctions.parser.asl.component.common.error_name.error_name import ErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.failure_event import FailureEvent, FailureEventException
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name import StatesErrorName
from moto.stepfunctions.parser.asl.component.common.error_name.states_error_name_type import StatesErrorNameType
from moto.stepfunctions.parser.asl.component.common.string import string_expression
from moto.stepfunctions.parser.asl.component.state.exec.state_map.iteration import inline_iteration_component
from moto.stepfunctions.parser.asl.component.state.exec.state_task import state_task_lambda
from moto.stepfunctions.parser.asl.component.state.exec.state_task.service import state_task_service_callback
from moto.stepfunctions.parser.asl.eval import states, variable_store
from moto.stepfunctions.parser.asl.eval.callback import callback
from moto.stepfunctions.parser.asl.eval.environment import Environment
from moto.stepfunctions.parser.asl.eval.event.event_detail import EventDetails
from moto.stepfunctions.parser.asl.eval.program_state import ProgramStopped
from moto.stepfunctions.parser.asl.jsonata import jsonata, validations
from moto.stepfunctions.parser.asl.parse import asl_parser
from moto.stepfunctions.parser.asl.utils import boto_client
from moto.stepfunctions.parser.asl.utils.json_path import NoSuchJsonPathError


def patch(lambda_endpoint: str, endpoint: str, evaluate: Callable[[str], Any], keys: dict[str, str]) -> None:
    """Makes all changes; functions are invoked at the one address, all else is asked at the other."""
    _call_services_at(lambda_endpoint, endpoint, keys)
    _evaluate_jsonata_by(evaluate)
    _run_several_at_once()
    _tell_causes()
    _close_tokens()
    _give_each_attempt_a_token()
    _count_redrives()
    _stop_siblings()
    _name_errors()


def _replace(module: Any, name: str, by: Callable[..., Any]) -> None:
    """Replaces a function of a class by one that is given the original first."""
    original = getattr(module, name)
    setattr(module, name, lambda *given, **named: by(original, *given, **named))


def _call_services_at(lambda_endpoint: str, endpoint: str, keys: dict[str, str]) -> None:
    # moto looks for services at AWS. One client of each for all: a new one costs 50 ms.
    made: dict[str, Any] = {}
    lock = threading.Lock()

    def client(region: str, service: str, state_credentials: Any = None) -> Any:
        with lock:
            if service not in made:
                at = lambda_endpoint if service == "lambda" else endpoint
                config = Config(
                    parameter_validation=False,
                    max_pool_connections=200,
                    retries={"total_max_attempts": 1},
                    read_timeout=900,
                )
                made[service] = boto3.client(service, region_name=region, endpoint_url=at, config=config, **keys)
            return made[service]

    boto_client.boto_client_for = client
    for name, module in list(sys.modules.items()):
        if name.startswith("moto.stepfunctions") and hasattr(module, "boto_client_for"):
            module.boto_client_for = client


def _evaluate_jsonata_by(evaluate: Callable[[str], Any]) -> None:
    # moto has no evaluator of its own.
    for module in (jsonata, string_expression, validations):
        module.eval_jsonata_expression = evaluate

    # It does not escape strings.
    def declared(bindings: dict[str, Any]) -> str:
        return "".join(f"{name}:={json.dumps(value, default=str)};" for name, value in bindings.items())

    for module in (jsonata, states, variable_store):
        if hasattr(module, "encode_jsonata_variable_declarations"):
            module.encode_jsonata_variable_declarations = declared

    # An expression that fails is States.QueryEvaluationError, not States.Runtime.
    def failing(original: Any, self: Any, env: Environment) -> None:
        try:
            original(self, env)
        except jsonata.JSONataException as error:
            cause = f"The JSONata expression '{self.expression}' threw an error: {error.details}"
            details = EvaluationFailedEventDetails(error="States.QueryEvaluationError", cause=cause)
            raise FailureEventException(
                FailureEvent(
                    env=env,
                    error_name=StatesErrorName(typ=StatesErrorNameType.StatesQueryEvaluationError),
                    event_type=HistoryEventType.EvaluationFailed,
                    event_details=EventDetails(evaluationFailedEventDetails=details),
                )
            ) from error

    _replace(string_expression.StringJSONata, "_eval_body", failing)


def _run_several_at_once() -> None:
    # SendTask* looks at every execution, also at one that has only begun and has no environment yet: HTTP 500.
    def begun(original: Any, self: Any, status: Any = None) -> list[Any]:
        return [one for one in original(self, status) if one.exec_worker is not None and one.exec_worker.env is not None]

    _replace(models.StepFunctionsParserBackend, "_get_executions", begun)
    # The parser's scopes are attributes of classes.
    lock, original = threading.Lock(), asl_parser.AmazonStateLanguageParser.parse

    def parse(definition: str) -> Any:
        with lock:
            return original(definition)

    asl_parser.AmazonStateLanguageParser.parse = staticmethod(parse)


def _tell_causes() -> None:
    # SendTaskFailure drops its cause.
    def send_task_failure(self: Any) -> Any:
        asked = [self._get_param(name) for name in ("taskToken", "error", "cause")]
        self.stepfunction_backend.send_task_failure(asked[0], error=asked[1], cause=asked[2])
        return responses.EmptyResult()

    responses.StepFunctionResponse.send_task_failure = send_task_failure


def _close_tokens() -> None:
    # A token whose task has ended is closed (TaskTimedOut), where moto answers 200 or 500.
    class Closed(exceptions.AWSError):
        TYPE, STATUS = "TaskTimedOut", 400

        def __init__(self, message: str = "Task Timed Out: 'Provided task does not exist anymore'"):
            super().__init__(message)

    models.TaskDoesNotExist = models.TaskTimedOut = Closed

    def interrupted(original: Any, self: Any) -> None:
        original(self)
        self.consumer_error = callback.CallbackConsumerTimeout()

    _replace(callback.CallbackEndpoint, "interrupt_all", interrupted)

    def stopped(original: Any, self: Environment, **how: Any) -> None:
        token = (self.states.context_object.context_object_data.get("Task") or {}).get("Token")
        original(self, **how)
        if token and (endpoint := self.callback_pool_manager.get(token)):
            endpoint.interrupt_all()

    _replace(Environment, "set_stop", stopped)


def _give_each_attempt_a_token() -> None:
    # As AWS does, a retry has a token of its own.
    def evaluated(original: Any, self: Any, env: Environment) -> None:
        context = env.states.context_object
        data = context.context_object_data
        if self._is_integration_pattern() and "Task" in data and data["State"].get("RetryCount"):
            env.callback_pool_manager.add(context.update_task_token())
        original(self, env)

    _replace(state_task_service_callback.StateTaskServiceCallback, "_eval_execution", evaluated)


def _count_redrives() -> None:
    # AWS's context object has how often its execution was redriven; there are no redrives here.
    def made(original: Any, self: Any, context_object: Any) -> None:
        context_object["Execution"].setdefault("RedriveCount", 0)
        original(self, context_object)

    _replace(states.ContextObject, "__init__", made)


def _stop_siblings() -> None:
    # "When an iteration fails, the others are terminated": moto lets those of an inline Map go on.
    def iterated(original: Any, self: Any, env: Environment) -> None:
        try:
            original(self, env)
        except Exception:
            for frame in list(env._frames):
                frame.set_stop(stop_date=datetime.datetime.now(), cause=None, error=None)
            raise

    _replace(inline_iteration_component.InlineIterationComponent, "_eval_body", iterated)

    # What was stopped does not become failed.
    def failed(original: Any, self: Environment, error: Any) -> None:
        if not isinstance(self._program_state, ProgramStopped):
            original(self, error)

    _replace(Environment, "set_error", failed)


def _name_errors() -> None:
    # Fail states, Maps and Parallels may pass on the names that Step Functions itself gives.
    CustomErrorName.__init__ = lambda self, error_name: ErrorName.__init__(self, error_name)

    # A function called by its own ARN fails with Lambda's names, too, and a path that is not there with its own.
    def told(original: Any, self: Any, env: Environment, ex: Exception) -> FailureEvent:
        if isinstance(ex, ClientError):
            error, cause = f"Lambda.{ex.response['Error']['Code']}", ex.response["Error"]["Message"]
            name: ErrorName = CustomErrorName(error)
        elif isinstance(ex, NoSuchJsonPathError):
            error, cause = "States.Runtime", str(ex)
            name = StatesErrorName(typ=StatesErrorNameType.StatesRuntime)
        else:
            return original(self, env, ex)
        details = LambdaFunctionFailedEventDetails(error=error, cause=cause)
        return FailureEvent(
            env=env,
            error_name=name,
            event_type=HistoryEventType.LambdaFunctionFailed,
            event_details=EventDetails(lambdaFunctionFailedEventDetails=details),
        )

    _replace(state_task_lambda.StateTaskLambda, "_from_error", told)

    # States.ALL does not catch States.Runtime.
    def equal(original: Any, self: Any, env: Environment) -> None:
        name = getattr(env.stack[-1], "error_name", None)
        if name in ("States.Runtime", "States.DataLimitExceeded"):
            if name not in [listed.error_name for listed in self.error_names]:
                env.stack.pop()
                env.stack.append(False)
                return
        original(self, env)

    _replace(ErrorEqualsDecl, "_eval_body", equal)
