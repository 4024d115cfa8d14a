"""The minimal API calls that deploy the stack, as the baseline: no checks, no output, no questions.

usage: bare.py VERB STACK [TEMPLATE ZIP BUCKET], with the endpoint and the credentials in the environment.
`push` is `update` with the order of `up`: the function runs the new code before the stack is updated.
Prints the duration of the calls in seconds, without the start of Python and of the clients.
"""

import hashlib
import json
import sys
import time
from pathlib import Path

import botocore.session
from botocore.exceptions import ClientError

POLL = 0.005  # seconds; short, because a local emulator does not throttle


def main(verb, stack, *rest):
    session = botocore.session.get_session()
    cloudformation, s3 = session.create_client("cloudformation"), session.create_client("s3")
    function = session.create_client("lambda") if verb == "push" else None
    start = time.perf_counter()
    if verb == "bucket":
        s3.create_bucket(Bucket=stack)
        s3.put_bucket_versioning(Bucket=stack, VersioningConfiguration={"Status": "Enabled"})
    elif verb == "delete":
        delete(cloudformation, s3, stack)
    else:
        deploy(cloudformation, s3, function, verb, stack, *rest)
    print(time.perf_counter() - start)


def deploy(cloudformation, s3, function, verb, stack, template, archive, bucket):
    body = Path(archive).read_bytes()
    key = hashlib.sha256(body).hexdigest()
    if verb == "same":
        version = s3.head_object(Bucket=bucket, Key=key)["VersionId"]
    else:
        version = s3.put_object(Bucket=bucket, Key=key, Body=body)["VersionId"]
    if verb == "push":
        name = json.loads(Path(template).read_text())["Resources"]["Handler"]["Properties"]["FunctionName"]
        function.update_function_code(FunctionName=name, S3Bucket=bucket, S3Key=key, S3ObjectVersion=version)
    change_set = cloudformation.create_change_set(
        StackName=stack,
        ChangeSetName=f"change-{time.time_ns()}",
        ChangeSetType="CREATE" if verb == "create" else "UPDATE",
        TemplateBody=Path(template).read_text(),
        Capabilities=["CAPABILITY_NAMED_IAM"],
        Parameters=[
            {"ParameterKey": "ArtifactBucket", "ParameterValue": bucket},
            {"ParameterKey": "ArtifactKey", "ParameterValue": key},
            {"ParameterKey": "ArtifactVersion", "ParameterValue": version},
        ],
    )["Id"]
    ready = wait(lambda: cloudformation.describe_change_set(ChangeSetName=change_set), "Status")
    if ready == "FAILED":
        cloudformation.delete_change_set(ChangeSetName=change_set)
        if verb != "same":
            sys.exit("the change set is empty")
        return
    if verb == "same":
        sys.exit("the change set is not empty")
    if verb == "push":
        served = wait(lambda: function.get_function_configuration(FunctionName=name), "LastUpdateStatus")
        if served != "Successful":
            sys.exit(f"the function does not run the new code: {served}")
    cloudformation.execute_change_set(ChangeSetName=change_set)
    ended = wait(lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0], "StackStatus")
    if ended not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
        sys.exit(f"the stack ended in {ended}")


def wait(read, field):
    """Reads until the status is final, and returns it."""
    while True:
        status = read()[field]
        if not status.endswith(("_PENDING", "_IN_PROGRESS", "InProgress")):
            return status
        time.sleep(POLL)


def delete(cloudformation, s3, stack):
    """Deletes a stack and the objects in its buckets."""
    resources = cloudformation.list_stack_resources(StackName=stack)["StackResourceSummaries"]
    for resource in resources:
        if resource["ResourceType"] == "AWS::S3::Bucket":
            bucket = resource["PhysicalResourceId"]
            for item in s3.list_objects_v2(Bucket=bucket).get("Contents", []):
                s3.delete_object(Bucket=bucket, Key=item["Key"])
    cloudformation.delete_stack(StackName=stack)
    try:
        wait(lambda: cloudformation.describe_stacks(StackName=stack)["Stacks"][0], "StackStatus")
    except ClientError as error:
        if "does not exist" not in str(error):
            raise


if __name__ == "__main__":
    main(*sys.argv[1:])
