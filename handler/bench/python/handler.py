"""What the handler is compared with: the same job as it is usually written in Python, with boto3 and pypdf.

Talks to the Lambda Runtime API by itself, so that no runtime client needs to be installed.
"""

import http.client
import io
import json
import os
import urllib.parse
import uuid

import boto3
import pypdf

S3 = boto3.client("s3")
DYNAMODB = boto3.client("dynamodb")
TABLE = os.environ["TABLE_NAME"]


def extract(key, content):
    if key.endswith(".pdf"):
        reader = pypdf.PdfReader(io.BytesIO(content))
        words = sum(len(page.extract_text().split()) for page in reader.pages)
        return "application/pdf", words, len(reader.pages)
    return "text/plain", len(content.decode("utf-8", "replace").split()), None


def handle(event):
    for record in event["Records"]:
        bucket = record["s3"]["bucket"]["name"]
        key = urllib.parse.unquote_plus(record["s3"]["object"]["key"])
        content = S3.get_object(Bucket=bucket, Key=key)["Body"].read()
        file_type, words, pages = extract(key, content)
        item = {
            "documentId": {"S": str(uuid.uuid4())},
            "fileName": {"S": key.rsplit("/", 1)[-1]},
            "fileType": {"S": file_type},
            "fileSize": {"N": str(len(content))},
            "status": {"S": "SUCCESS"},
            "uploadedAt": {"S": record["eventTime"]},
            "wordCount": {"N": str(words)},
        }
        if pages is not None:
            item["pageCount"] = {"N": str(pages)}
        DYNAMODB.put_item(TableName=TABLE, Item=item)
    return {"files": [{"outcome": "stored"}]}


def main():
    api = http.client.HTTPConnection(os.environ["AWS_LAMBDA_RUNTIME_API"])
    base = "/2018-06-01/runtime/invocation/"
    while True:
        api.request("GET", base + "next")
        answer = api.getresponse()
        event = json.loads(answer.read())
        request_id = answer.headers["lambda-runtime-aws-request-id"]
        try:
            path, result = "/response", handle(event)
        except Exception as error:
            path, result = "/error", {"errorType": type(error).__name__, "errorMessage": str(error)}
        api.request("POST", base + request_id + path, json.dumps(result))
        api.getresponse().read()


if __name__ == "__main__":
    main()
