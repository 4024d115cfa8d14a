// The same stack as a CDK app: CDK deploys the generated template, and its asset mechanism uploads the code.
// Environment variables: the template (TEMPLATE), the code's folder (CODE), the stack (STACK) and the bucket (BUCKET).
const { App, CliCredentialsStackSynthesizer, Stack } = require("aws-cdk-lib");
const { CfnInclude } = require("aws-cdk-lib/cloudformation-include");
const { Asset } = require("aws-cdk-lib/aws-s3-assets");

const { TEMPLATE, CODE, STACK, BUCKET } = process.env;
const stack = new Stack(new App(), STACK, {
  stackName: STACK,
  synthesizer: new CliCredentialsStackSynthesizer({ fileAssetsBucketName: BUCKET }),
  env: { account: "000000000000", region: "us-east-1" },
});
const code = new Asset(stack, "Code", { path: CODE });
new CfnInclude(stack, "Pipeline", {
  templateFile: TEMPLATE,
  parameters: { ArtifactBucket: code.s3BucketName, ArtifactKey: code.s3ObjectKey },
});
