package org.elasticsearch.node;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.Map;
import org.elasticsearch.cluster.service.ClusterService;
import org.elasticsearch.common.logging.LogConfigurator;
import org.elasticsearch.common.settings.Settings;
import org.elasticsearch.env.Environment;

/**
 * One node of Elasticsearch on loopback, with plug-ins from the class path.
 * Arguments: name, HTTP port, transport port, transport addresses of all nodes, names of the first masters, folder,
 * and settings as name=value.
 */
public final class ElasticsearchNode extends Node {
    private ElasticsearchNode(Environment environment) {
        super(ClassPathPlugins.construct(environment));
    }

    @Override
    protected void configureNodeAndClusterIdStateListener(ClusterService service) {
        // Logging would be set up by it a second time.
    }

    public static void main(String[] arguments) throws Exception {
        LogConfigurator.configureESLogging();
        String name = arguments[0];
        Path folder = Path.of(arguments[5]), config = Files.createDirectories(folder.resolve("config"));
        Settings.Builder settings = Settings.builder()
            .put("path.home", folder)
            .put("cluster.name", "lookalike-tests")
            .put("node.name", name)
            .put("network.host", "127.0.0.1")
            .put("http.type", "netty4")
            .put("http.port", arguments[1])
            .put("transport.type", "netty4")
            .put("transport.port", arguments[2])
            .putList("discovery.seed_hosts", arguments[3].split(","))
            .putList("cluster.initial_master_nodes", arguments[4].split(","));
        Arrays.stream(arguments).skip(6).map(one -> one.split("=", 2)).forEach(one -> settings.put(one[0], one[1]));
        new ElasticsearchNode(InternalSettingsPreparer.prepareEnvironment(settings.build(), Map.of(), config, () -> name)).start();
        Thread.currentThread().join();
    }
}
