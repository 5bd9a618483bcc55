import type { CodegenConfig } from "@graphql-codegen/cli";

// The browser carries the hashes of the documents, not their texts: the gateway answers the console only documents of
// persisted-documents.json. They are in .graphql files because a `graphql()` call would bundle every text.
const config: CodegenConfig = {
  schema: "../docs/schema.graphql",
  documents: "src/**/*.graphql",
  generates: {
    // All of each enum, also what no document asks for yet.
    "src/gql/enums.ts": { plugins: ["typescript"], config: { onlyEnums: true, enumsAsTypes: true } },
    "src/gql/": {
      preset: "client",
      config: {
        scalars: { Minor: "string", Instant: "string", Day: "string", Version: "string", ID: "string" },
        enumsAsTypes: true,
        useTypeImports: true,
      },
      presetConfig: {
        fragmentMasking: false,
        persistedDocuments: {
          mode: "replaceDocumentWithHash",
          hashPropertyName: "documentId",
          hashAlgorithm: "sha256",
        },
      },
    },
  },
};

export default config;
