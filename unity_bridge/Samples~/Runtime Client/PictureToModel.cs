using System;
using System.IO;
using System.Threading.Tasks;
using SphereLinks;
using UnityEngine;

/// <summary>Makes a GLB of a picture while the game runs; hand its path to a glTF importer such as glTFast.</summary>
public sealed class PictureToModel : MonoBehaviour
{
    [SerializeField] private string server = "http://127.0.0.1:8000";

    private HttpTransport _transport;
    private Jobs _jobs;
    private Runner _runner;

    private void Awake()
    {
        _transport = new HttpTransport();
        _jobs = new Jobs(Path.Combine(Application.persistentDataPath, "SphereLinks"));
        _runner = new Runner(_jobs);
    }

    /// <summary>The path of the GLB. Throws Failure, whose Message and Hint say what is wrong and what to do.</summary>
    public async Task<string> Make(byte[] picture, string key)
    {
        // a key in a game is everybody's: ask your own service for one that is capped
        var connection = new Connection(server, key, _transport);
        var job = _jobs.New(new Job { Server = connection.Address, Name = "model" }, picture);
        await _runner.Run(job.Id, connection);
        return _jobs.Asset(job.Id);
    }

    private void OnDestroy()
    {
        _runner.Stop(TimeSpan.FromSeconds(1));
        _jobs.Dispose();
        _transport.Dispose();
    }
}
