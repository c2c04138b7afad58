package org.elasticsearch.node;

import java.util.Collection;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.plugins.Plugin;
import org.elasticsearch.plugins.ScriptPlugin;
import org.elasticsearch.script.DocReader;
import org.elasticsearch.script.ScoreScript;
import org.elasticsearch.script.ScriptContext;
import org.elasticsearch.script.ScriptEngine;
import org.elasticsearch.script.VectorScoreScriptUtils;
import org.elasticsearch.search.lookup.SearchLookup;

/**
 * What Painless does with the script that Lookalike sends, by the server's own vector function: Painless is no package.
 * Every other script is refused.
 */
public final class VectorScripts extends Plugin implements ScriptPlugin {
    private static final Pattern SOURCE =
        Pattern.compile("double x = l2norm\\(params\\.query, '([^']+)'\\); return 1 / \\(1 \\+ x \\* x\\);");

    @Override
    public ScriptEngine getScriptEngine(Settings settings, Collection<ScriptContext<?>> contexts) {
        return new ScriptEngine() {
            @Override
            public String getType() {
                return "painless";
            }

            @Override
            public Set<ScriptContext<?>> getSupportedContexts() {
                return Set.of(ScoreScript.CONTEXT);
            }

            @Override
            public <T> T compile(String name, String code, ScriptContext<T> context, Map<String, String> options) {
                Matcher source = SOURCE.matcher(code);
                if (!source.matches()) {
                    throw new IllegalArgumentException("a script that only Painless knows: " + code);
                }
                String field = source.group(1);
                ScoreScript.Factory factory = (params, lookup) -> new ScoreScript.LeafFactory() {
                    @Override
                    public boolean needs_score() {
                        return false;
                    }

                    public boolean needs_termStats() { // of 9.x alone
                        return false;
                    }

                    @Override
                    public ScoreScript newInstance(DocReader reader) {
                        return new Score(params, lookup, reader, field);
                    }
                };
                return context.factoryClazz.cast(factory);
            }
        };
    }

    private static final class Score extends ScoreScript {
        private final String field;
        private VectorScoreScriptUtils.L2Norm norm;

        Score(Map<String, Object> params, SearchLookup lookup, DocReader reader, String field) {
            super(params, lookup, reader);
            this.field = field;
        }

        @Override
        public double execute(ExplanationHolder explanation) {
            if (norm == null) { // it looks at the first document
                norm = new VectorScoreScriptUtils.L2Norm(this, getParams().get("query"), field);
            }
            double x = norm.l2norm();
            return 1 / (1 + x * x);
        }
    }
}
