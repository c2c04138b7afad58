import java.util.Arrays;
import java.util.List;
import org.codelibs.opensearch.runner.OpenSearchRunner;
import org.codelibs.opensearch.runner.OpenSearchRunner.Configs;

/**
 * One node of OpenSearch with its modules on loopback, and with the plug-in that the property `plugin` names.
 * Arguments: name, HTTP port, transport port, transport addresses of all nodes, names of the first managers, folder,
 * and settings as name=value.
 */
public final class OpenSearchNode {
    public static void main(String[] arguments) throws Exception {
        String name = arguments[0], http = arguments[1], transport = arguments[2], folder = arguments[5];
        List<String> nodes = List.of(arguments[3].split(",")), managers = List.of(arguments[4].split(","));
        Configs configs = OpenSearchRunner.newConfigs()
            .basePath(folder)
            .clusterName("lookalike-tests")
            .numOfNode(1);
        if (System.getProperty("plugin") != null) {
            configs.pluginTypes(System.getProperty("plugin"));
        }
        new OpenSearchRunner().onBuild((number, settings) -> {
            settings
                .put("node.name", name)
                .put("network.host", "127.0.0.1")
                .put("http.port", http)
                .put("transport.port", transport)
                .put("discovery.type", "zen")
                .putList("discovery.seed_hosts", nodes)
                .putList("cluster.initial_cluster_manager_nodes", managers);
            Arrays.stream(arguments).skip(6).map(one -> one.split("=", 2)).forEach(one -> settings.put(one[0], one[1]));
        }).build(configs);
        Thread.currentThread().join();
    }
}
