"""The AWS account in which the acceptance test runs: identity, the deployer's role, injected failures, what is left."""

import json
import time

import botocore.session
from botocore.config import Config
from botocore.exceptions import ClientError

# How long changes of IAM may take to be in force everywhere. Seconds.
PROPAGATION = 120


class Account:
    """Calls as whoever runs the test, who administers the account."""

    def __init__(self, stack, region, profile, endpoint):
        self.stack, self.region, self.endpoint = stack, region, endpoint
        self.session = botocore.session.Session(profile=profile)
        identity = self.client("sts").get_caller_identity()
        self.id, self.caller = identity["Account"], identity["Arn"]
        self.partition = self.caller.split(":")[1]
        self.deployer = f"{stack}-deployer"

    def client(self, service):
        config = Config(s3={"addressing_style": "path"}) if self.endpoint else None
        return self.session.create_client(service, region_name=self.region, endpoint_url=self.endpoint, config=config)

    def policy_arn(self, name):
        return f"arn:{self.partition}:iam::{self.id}:policy/{name}"

    def create_deployer(self, policies):
        """A role that the caller may assume, with these policies (name → document) and no other permission."""
        iam = self.client("iam")
        principal = {"AWS": f"arn:{self.partition}:iam::{self.id}:root"}
        trust = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
        iam.create_role(
            RoleName=self.deployer,
            AssumeRolePolicyDocument=json.dumps({"Version": "2012-10-17", "Statement": [trust]}),
            Description="Throw-away role of tools/acceptance",
        )
        for name, document in policies.items():
            policy = f"{self.stack}-{name}"
            iam.create_policy(PolicyName=policy, PolicyDocument=document)
            iam.attach_role_policy(RoleName=self.deployer, PolicyArn=self.policy_arn(policy))
        return f"arn:{self.partition}:iam::{self.id}:role/{self.deployer}"

    def delete_deployer(self, policies):
        iam = self.client("iam")
        for name in policies:
            arn = self.policy_arn(f"{self.stack}-{name}")
            ignoring_absence(iam.detach_role_policy, RoleName=self.deployer, PolicyArn=arn)
            ignoring_absence(iam.delete_policy, PolicyArn=arn)
        self.allow_deployer()
        ignoring_absence(iam.delete_role, RoleName=self.deployer)

    def refused_on_code(self, role):
        """What the role is refused on the artifact bucket of its stack, and on that of another stack: two lists.

        The bucket of the other stack is created for this and deleted.
        """
        described = self.client("cloudformation").describe_stacks(StackName=self.stack)["Stacks"][0]
        own = next(p["ParameterValue"] for p in described["Parameters"] if p["ParameterKey"] == "ArtifactBucket")
        other = own.replace(self.stack, f"{self.stack}-b", 1)
        s3, where = self.client("s3"), {}
        if self.region != "us-east-1":
            where["CreateBucketConfiguration"] = {"LocationConstraint": self.region}
        if own.endswith("-an"):
            where["BucketNamespace"] = "account-regional"
        s3.create_bucket(Bucket=other, **where)
        try:
            credentials = self.client("sts").assume_role(RoleArn=role, RoleSessionName="code")["Credentials"]
            config = Config(s3={"addressing_style": "path"}) if self.endpoint else None
            as_role = self.session.create_client(
                "s3", region_name=self.region, endpoint_url=self.endpoint, config=config,
                aws_access_key_id=credentials["AccessKeyId"], aws_secret_access_key=credentials["SecretAccessKey"],
                aws_session_token=credentials["SessionToken"],
            )
            return [self.refused(as_role, bucket) for bucket in (own, other)]
        finally:
            for key in s3.list_objects_v2(Bucket=other).get("Contents", []):
                s3.delete_object(Bucket=other, Key=key["Key"])
            s3.delete_bucket(Bucket=other)

    def refused(self, s3, bucket):
        """The operations that are denied on a bucket, of those that could change the code in it."""
        everybody = {"Effect": "Deny", "Principal": "*", "Action": "s3:PutObject", "Condition": {
            "Bool": {"aws:SecureTransport": "false"}}, "Resource": f"arn:{self.partition}:s3:::{bucket}/never/*"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [everybody]})
        denied = []
        for name, call in {
            "PutObject": lambda: s3.put_object(Bucket=bucket, Key="probe", Body=b"probe"),
            "DeleteObject": lambda: s3.delete_object(Bucket=bucket, Key="probe"),
            "PutBucketPolicy": lambda: s3.put_bucket_policy(Bucket=bucket, Policy=policy),
        }.items():
            try:
                call()
            except ClientError as error:
                if error.response["Error"]["Code"] != "AccessDenied":
                    raise
                denied.append(name)
        return denied

    def deny_deployer(self, action):
        """Revokes a permission of the deployer."""
        statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
        document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        self.client("iam").put_role_policy(RoleName=self.deployer, PolicyName="denied", PolicyDocument=document)

    def allow_deployer(self):
        """Takes that back."""
        ignoring_absence(self.client("iam").delete_role_policy, RoleName=self.deployer, PolicyName="denied")

    def deny_function(self):
        """Revokes every permission of the function, out of band."""
        iam = self.client("iam")
        role = self.resource("AWS::IAM::Role")
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            iam.delete_role_policy(RoleName=role, PolicyName=policy)

    def resource(self, kind):
        """The physical id of the stack's resource of a type."""
        resources = self.client("cloudformation").describe_stack_resources(StackName=self.stack)["StackResources"]
        return next(r["PhysicalResourceId"] for r in resources if r["ResourceType"] == kind)

    def deploy_bad_template(self):
        """Lets somebody else update the stack with a template that cannot be deployed. Says the stack's status."""
        cloudformation = self.client("cloudformation")
        template = cloudformation.get_template(StackName=self.stack)["TemplateBody"]
        if isinstance(template, str):
            template = json.loads(template)
        statement = {"Effect": "Deny", "Action": "*", "Resource": "*"}
        template["Resources"]["Broken"] = {
            "Type": "AWS::IAM::Policy",
            "Properties": {
                "PolicyName": "broken",
                "Roles": [f"{self.stack}-does-not-exist"],
                "PolicyDocument": {"Version": "2012-10-17", "Statement": [statement]},
            },
        }
        stack = cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]
        parameters = [{"ParameterKey": p["ParameterKey"], "UsePreviousValue": True} for p in stack["Parameters"]]
        try:
            cloudformation.update_stack(
                StackName=self.stack, TemplateBody=json.dumps(template), Parameters=parameters,
                Capabilities=["CAPABILITY_IAM"],
            )
        except ClientError as error:
            # Validation before the operation starts refuses it too.
            return error.response["Error"]["Code"]

        def ended():
            status = cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"]
            return None if status.endswith("_IN_PROGRESS") else status

        return wait_for(ended, 600)

    def left(self):
        """All that bears the stack's name, by kind."""
        def named(call, list_key, name_key=None, **arguments):
            items = call(**arguments).get(list_key, [])
            names = [item[name_key] if name_key else item for item in items]
            return [name for name in names if self.stack in name]

        iam, stack = self.client("iam"), self.stack
        stacks = self.client("cloudformation").list_stacks()["StackSummaries"]
        left = {
            "stacks": [s["StackName"] for s in stacks
                       if s["StackName"] == stack and s["StackStatus"] != "DELETE_COMPLETE"],
            "buckets": named(self.client("s3").list_buckets, "Buckets", "Name"),
            "tables": named(self.client("dynamodb").list_tables, "TableNames"),
            "functions": named(self.client("lambda").list_functions, "Functions", "FunctionName"),
            "queues": named(self.client("sqs").list_queues, "QueueUrls", QueueNamePrefix=stack),
            "log groups": named(self.client("logs").describe_log_groups, "logGroups", "logGroupName",
                                logGroupNamePrefix=f"/provisioner/{stack}/"),
            "alarms": named(self.client("cloudwatch").describe_alarms, "MetricAlarms", "AlarmName",
                            AlarmNamePrefix=stack),
            "roles": [name for page in iam.get_paginator("list_roles").paginate()
                      for name in (r["RoleName"] for r in page["Roles"]) if stack in name],
            "policies": named(iam.list_policies, "Policies", "PolicyName", Scope="Local"),
        }
        return {kind: names for kind, names in left.items() if names}


def ignoring_absence(call, **arguments):
    try:
        call(**arguments)
    except ClientError as error:
        if error.response["Error"]["Code"] not in ("NoSuchEntity", "NoSuchEntityException"):
            raise


def wait_for(condition, seconds):
    """Asks again until the answer is neither false nor `None`, and returns that; the last answer after so long."""
    deadline = time.monotonic() + seconds
    while True:
        answer = condition()
        if answer or time.monotonic() > deadline:
            return answer
        time.sleep(1)
