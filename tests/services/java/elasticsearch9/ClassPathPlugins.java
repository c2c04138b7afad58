package org.elasticsearch.node;

import java.util.List;
import org.elasticsearch.env.Environment;
import org.elasticsearch.plugins.MockPluginsService;
import org.elasticsearch.plugins.PluginsLoader;
import org.elasticsearch.plugins.PluginsService;
import org.elasticsearch.transport.netty4.Netty4Plugin;

/** The plug-ins of a node of Elasticsearch 9. */
final class ClassPathPlugins extends NodeServiceProvider {
    static NodeConstruction construct(Environment environment) {
        return NodeConstruction.prepareConstruction(environment, null, new ClassPathPlugins(), true);
    }

    @Override
    PluginsService newPluginService(Environment environment, PluginsLoader loader) {
        return new MockPluginsService(environment.settings(), environment, List.of(Netty4Plugin.class, VectorScripts.class));
    }
}
