using HangAnalysis.DumpForge.Layouts;
using HangAnalysis.DumpForge.Scenarios;
using HangAnalysis.DumpForge.Systems;
using NUnit.Framework;

namespace HangAnalysis.Tests.DumpForge;

/// <summary>What the forged thread with many objects waits for and has under way.</summary>
internal sealed class WaitObjectsTests
{
    [Test]
    public void Thread_waits_for_six_kinds_of_objects_and_has_two_requests(
        [Values("6.1.7601", "6.3.9600", "10.0.14393", "10.0.19041", "10.0.22000")] string version)
    {
        SystemBuilder system = ScenarioSet.Build("wait-objects", KernelLayout.BuiltIn(version));
        system.Finish();
        KernelStruct thread = system.Threads.Single(one => one.Tid == 0x2100).Struct;
        ulong owner = system.Threads.Single(one => one.Tid == 0x2104).Address;
        int size = system.Layout.Size("_KWAIT_BLOCK");
        List<ulong> objects = [];
        for (int i = 0; i < 6; i++)
        {
            KernelStruct block = system.Struct("_KWAIT_BLOCK", thread.Get("Tcb.WaitBlockList") + (ulong)(i * size));
            Assert.That((block.Get("Thread"), block.Get("WaitKey")), Is.EqualTo((thread.Address, (ulong)i)));
            Assert.That(block.Get("WaitType"), Is.EqualTo(1), "WaitAny");
            objects.Add(block.Get("Object"));
        }
        // KOBJECTS: mutant, notification event, thread, process, semaphore, notification timer.
        IEnumerable<ulong> kinds = objects.Select(one => system.Struct("_DISPATCHER_HEADER", one).Get("Type"));
        Assert.That(kinds, Is.EqualTo((ulong[])[2, 0, 6, 3, 5, 8]));
        Assert.That(system.Struct("_KMUTANT", objects[0]).Get("OwnerThread"), Is.EqualTo(owner));
        IEnumerable<int> waiters = objects.Select(one => ForgedSystemTests.Ring(system.Kernel, one + 8).Count);
        Assert.That(waiters, Is.EqualTo((int[])[4, 1, 1, 1, 1, 1]));
        ulong link = (ulong)system.Layout.Offset("_IRP", "ThreadListEntry");
        List<string> requests = [];
        foreach (ulong entry in ForgedSystemTests.Ring(system.Kernel, thread.At("IrpList")))
        {
            ulong current = system.Struct("_IRP", entry - link).Get("Tail.Overlay.CurrentStackLocation");
            KernelStruct location = system.Struct("_IO_STACK_LOCATION", current);
            ulong driver = system.Struct("_DEVICE_OBJECT", location.Get("DeviceObject")).Get("DriverObject");
            ulong start = system.Struct("_DRIVER_OBJECT", driver).Get("DriverStart");
            requests.Add($"{location.Get("MajorFunction")} {system.Modules.All.Single(module => module.Base == start).FileName}");
        }
        Assert.That(requests, Is.EqualTo((string[])["13 Npfs.SYS", "12 Ntfs.sys"]));
    }
}
