// @ts-nocheck The bundle beside it has no types.
SwaggerUIBundle({ url: "/openapi.json", dom_id: "#docs", deepLinking: true, tryItOutEnabled: true, defaultModelsExpandDepth: 0 });
