package org.elasticsearch.node;

import java.util.Map;
import java.util.Set;
import java.util.function.ToDoubleFunction;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.Collection;
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
 * What Painless does with the scripts that Lookalike sends, by the server's own vector functions: Painless is no
 * package. A script is `double x = FUNCTION(params.query, 'FIELD'); return EXPRESSION;` with one of three expressions;
 * every other script is refused.
 */
public final class VectorScripts extends Plugin implements ScriptPlugin {
    private static final Pattern SOURCE = Pattern.compile(
        "double x = (l2norm|cosineSimilarity|dotProduct)\\(params\\.query, '([^']+)'\\); return (.+);");

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
                String function = source.group(1), field = source.group(2);
                ToDoubleFunction<Double> expression = switch (source.group(3)) {
                    case "1 / (1 + x * x)" -> x -> 1 / (1 + x * x);
                    case "(1 + x) / 2" -> x -> (1 + x) / 2;
                    case "x < 0 ? 1 / (1 - x) : 1 + x" -> x -> x < 0 ? 1 / (1 - x) : 1 + x;
                    default -> throw new IllegalArgumentException("an expression that only Painless knows: " + code);
                };
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
                        return new Score(params, lookup, reader, function, field, expression);
                    }
                };
                return context.factoryClazz.cast(factory);
            }
        };
    }

    private static final class Score extends ScoreScript {
        private final ToDoubleFunction<Score> function;
        private final ToDoubleFunction<Double> expression;

        Score(Map<String, Object> params, SearchLookup lookup, DocReader reader, String function, String field,
              ToDoubleFunction<Double> expression) {
            super(params, lookup, reader);
            this.expression = expression;
            this.function = compiled(function, params.get("query"), field);
        }

        private ToDoubleFunction<Score> compiled(String name, Object query, String field) {
            switch (name) {
                case "l2norm":
                    var distance = new VectorScoreScriptUtils.L2Norm(this, query, field);
                    return score -> distance.l2norm();
                case "cosineSimilarity":
                    var cosine = new VectorScoreScriptUtils.CosineSimilarity(this, query, field);
                    return score -> cosine.cosineSimilarity();
                default:
                    var product = new VectorScoreScriptUtils.DotProduct(this, query, field);
                    return score -> product.dotProduct();
            }
        }

        @Override
        public double execute(ExplanationHolder explanation) {
            return expression.applyAsDouble(function.applyAsDouble(this));
        }
    }
}
